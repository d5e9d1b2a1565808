// Package volume keeps the directories of persistent volumes: it makes them, removes
// what is in them when they are destroyed, and shows them in sandboxes.
//
// A directory is removed in two steps, so that a crash between any two instructions
// loses no data that is wanted and keeps none that is not. Detach moves it, or what
// is in the root of a mount, aside under a name that is new for each removal; Sweep
// deletes what lies aside. While the removal may still be asked for again its name
// tells that it is done already, and a volume that was made anew at the same path is
// left alone. The caller sweeps a name only when it will never ask again.
//
// Everything is made durable before a function returns. No link is followed out of a
// volume or a sandbox.
package volume
