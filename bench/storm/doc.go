// Package storm is "caprock bench storm": the hours when everything comes at
// once. All agents register with an empty allocator; half of the fleet loses its
// links and comes back; the allocator is killed, with tasks running everywhere,
// and started again.
//
// Times count from the first byte that goes out, or from the signal that kills,
// to the moment the last agent, framework or first offer is back, as those see it.
package storm
