package cycle

import "github.com/caprock/caprock/wire/resource"

// restTable makes equal lists of what is not plain the same memory: agents of a kind come
// with the same ports, each in a message of its own, and get them back in the messages of
// frameworks. Shared lists are compared by a look at their address, stay in the cache, and
// are kept once. A place holds the last list of its hash.
type restTable struct {
	places []resource.Resources
}

const (
	restPlaces = 1 << 10
	// Longer lists are rarely equal and not worth keeping.
	restEntries, restIntervals = 16, 64
)

// share returns an equal list, rest itself if there is none yet.
func (t *restTable) share(rest resource.Resources) resource.Resources {
	if len(rest) == 0 || len(rest) > restEntries {
		return rest
	}
	intervals := 0
	for i := range rest {
		intervals += len(rest[i].Ranges()) + len(rest[i].Items())
	}
	if intervals > restIntervals {
		return rest
	}
	if t.places == nil {
		t.places = make([]resource.Resources, restPlaces)
	}
	at := &t.places[restHash(0, rest)>>32%restPlaces]
	if sameEntries(*at, rest) {
		return *at
	}
	*at = rest
	return rest
}
