package kube

import (
	"fmt"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	kubetesting "k8s.io/client-go/testing"

	"github.com/caprock/caprock/bench/peers/work"
)

// pods is the API server's side of pods: the fake clientset's own binds nothing, and
// panics when its watch of 100 events is full.
type pods struct {
	tasks    int
	changes  *watch.FakeWatcher // one event for each binding fits
	allBound chan struct{}

	mu   sync.Mutex
	all  map[string]*corev1.Pod // by name; immutable once shown
	list *corev1.PodList
	on   work.Placement
}

func newPods(w work.Work) *pods {
	p := &pods{tasks: w.Tasks(), changes: watch.NewFakeWithChanSize(w.Tasks(), false), allBound: make(chan struct{}),
		all: make(map[string]*corev1.Pod, w.Tasks()), on: make(work.Placement, w.Tasks()),
		list: &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: "1"}}}
	for a := range w.Apps {
		for t := range w.TasksPerApp {
			it := pod(a, t)
			it.ResourceVersion = "1"
			p.all[it.Name] = it
			p.list.Items = append(p.list.Items, *it)
		}
	}
	return p
}

// serve answers for pods in the place of the clientset.
func (p *pods) serve(client *kubetesting.Fake) {
	client.PrependReactor("list", "pods", func(kubetesting.Action) (bool, runtime.Object, error) {
		return true, p.list, nil
	})
	client.PrependWatchReactor("pods", func(kubetesting.Action) (bool, watch.Interface, error) {
		return true, p.changes, nil
	})
	client.PrependReactor("create", "pods", func(action kubetesting.Action) (bool, runtime.Object, error) {
		create, ok := action.(kubetesting.CreateAction)
		if !ok || action.GetSubresource() != "binding" {
			return false, nil, nil
		}
		binding, ok := create.GetObject().(*corev1.Binding)
		if !ok {
			return true, nil, fmt.Errorf("got a %T to bind, want a Binding", create.GetObject())
		}
		return true, binding, p.bind(binding)
	})
}

// bind does what the API server does: the pod has a node, and who watches hears of it.
func (p *pods) bind(b *corev1.Binding) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	old, ok := p.all[b.Name]
	switch {
	case !ok:
		return fmt.Errorf("got a binding of pod %q, which does not exist", b.Name)
	case old.Spec.NodeName != "":
		return fmt.Errorf("pod %s is on node %s already", b.Name, old.Spec.NodeName)
	}
	bound := *old
	bound.Spec.NodeName = b.Target.Name
	p.all[b.Name], p.on[b.Name] = &bound, b.Target.Name
	bound.ResourceVersion = strconv.Itoa(len(p.on) + 1)
	p.changes.Modify(&bound)
	if len(p.on) == p.tasks {
		close(p.allBound)
	}
	return nil
}

func (p *pods) bound() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.on)
}

// placement is complete once allBound is closed.
func (p *pods) placement() work.Placement {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.on
}
