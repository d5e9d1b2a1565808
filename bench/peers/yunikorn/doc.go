// Package yunikorn places tasks with the core of Apache YuniKorn: all of its services
// but the web server, in process, over the scheduler interface that its Kubernetes shim
// uses. A task has its node when the core tells so in the callback.
//
// All applications are in one queue with the default order, first come first served:
// with the fair order the core is several times slower.
package yunikorn
