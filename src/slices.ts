/** Long lists, cut into shorter ones that are worked on one after the other. */

/** A list in slices, in its order. @param most how many there are in one */
export function* slices<Item>(items: readonly Item[], most: number): Generator<Item[]> {
  for (let from = 0; from < items.length; from += most) yield items.slice(from, from + most)
}
