// Package build says what this program is: the version of Mesos whose behaviour
// it has, which is what clients compare, its own beside it, and when and from
// what it was built. Both services show it at /version, in /state and to
// GET_VERSION.
package build
