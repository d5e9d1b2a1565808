// Command conform runs software written for Mesos, unmodified, against Caprock.
//
//	conform clients    foreign frameworks and tools against a cluster it starts
//	conform replay     recorded conversations with a Mesos, and what differs
//	conform features   writes the list of Mesos' features and what shows each
//
// The clients live in the clients folder, a Go module and an npm package of
// their own: their dependencies are old by design and never reach Caprock's. A case
// passes when the client itself says that it got what it wanted.
package main
