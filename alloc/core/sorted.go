package core

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// sortedKeys are a map's keys in order: whenever order can be seen from outside,
// maps are walked this way.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func contains[T comparable](all []T, one T) bool { return slices.Contains(all, one) }

// sortBySince sorts agents by when they became unreachable or gone.
func sortBySince(all []*agentState) {
	slices.SortStableFunc(all, func(a, b *agentState) int {
		return cmp.Compare(a.cur.Rec.GetSinceNanos(), b.cur.Rec.GetSinceNanos())
	})
}

func trim(s string) string { return strings.TrimSpace(s) }

// splitAlternatives takes "cpus:1|mem:32;disk:1" apart.
func splitAlternatives(text string) []string { return strings.Split(text, "|") }
