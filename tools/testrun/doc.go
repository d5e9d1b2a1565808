// Command testrun runs every check of the project and sums them up: formatting,
// vet, staticcheck, unit tests, those of the allocator with its invariants checked, race
// tests, those of the comparison with other schedulers, the conformance clients, a
// replay of recorded exchanges and a short torture run. `./tools/test` calls it after
// installing what the checks need.
//
// A check that cannot run on this machine is skipped, never silently: each skipped test is
// listed with its reason and counted. The last line is the verdict.
package main
