/** How often a property is tried: as given, or as many times as often as MOODLE_SYNCD_TEST_EFFORT says. */
export const runs = (usual: number): number => usual * Number(process.env.MOODLE_SYNCD_TEST_EFFORT ?? 1)
