// Package kube places tasks with kube-scheduler: its Scheduler with the default
// plugins and informers, in process, on a fake clientset.
//
// The clientset is told of pods by a watch of ours and binds them at once, which costs
// less than any API server. Events are dropped. All pods are in the scheduling queue
// before it starts.
package kube
