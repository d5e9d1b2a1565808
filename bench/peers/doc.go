// Peers places the same tasks on the same nodes with other schedulers and with Caprock, in
// one run on one machine, and prints what each placed per second:
//
//	cd bench/peers && go run .
//
// It is a module of its own, so that Caprock depends on none of them. Every
// measurement is a process of its own (this program again, with the command "one"), so that
// nobody pays for another's heap; it sets up a small cluster first, which is not
// counted. Systems take turns, round after round, so that a disturbance of the machine hits
// one run of each. Tables show medians and the least and most.
//
// Packages kube, yunikorn, nomad and caprock each place tasks with one of them; work
// says what is to be placed and checks what was. recorded.go holds figures that were not
// measured in the run, and says where each is from.
//
// # What is compared
//
// Tasks placed per second, from the moment at which tasks are given to an idle system
// that knows its nodes until each has a node. The result is the same, a node with room for
// each task; the work is not: kube-scheduler filters and scores nodes for each pod, YuniKorn walks
// queues and nodes for each ask, Nomad looks at some nodes for each allocation and checks
// plans, and Caprock offers nodes to frameworks, which choose themselves. None of
// the peers writes to a disk here, and only the rows "durable" of Caprock do.
package main
