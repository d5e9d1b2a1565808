// Command volume is a conformance client: a framework on mesos-go that keeps a file on
// a persistent volume from one task to the next.
//
// It reserves resources for its role, makes a volume of them, lets a first task
// write a file there, grows the volume, lets a second task read the file,
// shrinks and destroys the volume, gives the reservation back and tears down.
// Every operation but LAUNCH carries an id, and its status must come back as
// OPERATION_FINISHED before the story goes on.
//
//	volume -url http://127.0.0.1:5050/api/v1/scheduler -codec protobuf
//
// It exits 0 when the story has ended well, 1 with the step it was in when not.
package main
