// Package work says what every system of a comparison is given to do, and checks
// that it did it: the same nodes, the same tasks, a node with room for each task.
package work
