package kube

import (
	"context"
	"fmt"
	"io"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler"

	"github.com/caprock/caprock/bench/peers/work"
)

var quiet = sync.OnceFunc(func() {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
})

// Place is work.Place with kube-scheduler.
func Place(ctx context.Context, w work.Work, watch *work.Watch) (work.Placement, error) {
	quiet()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	objects := make([]runtime.Object, w.Nodes)
	for n := range objects {
		objects[n] = node(n)
	}
	client := fake.NewSimpleClientset(objects...)
	pods := newPods(w)
	pods.serve(&client.Fake)

	informers := scheduler.NewInformerFactory(client, 0)
	recorder := func(string) events.EventRecorder { return &events.FakeRecorder{} }
	sched, err := scheduler.New(ctx, client, informers, nil, recorder)
	if err != nil {
		return nil, fmt.Errorf("starting kube-scheduler: %w", err)
	}
	informers.Start(ctx.Done())
	informers.WaitForCacheSync(ctx.Done())
	if err := sched.WaitForHandlersSync(ctx); err != nil {
		return nil, fmt.Errorf("giving kube-scheduler its nodes and pods: %w", err)
	}

	watch.Start()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		sched.Run(ctx)
	}()
	select {
	case <-pods.allBound:
	case <-ctx.Done():
		return nil, fmt.Errorf("%d of %d pods are bound: %w", pods.bound(), w.Tasks(), ctx.Err())
	}
	watch.Stop()
	cancel()
	<-ended
	return pods.placement(), nil
}

func node(n int) *corev1.Node {
	has := corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewQuantity(work.NodeCPUs, resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(work.NodeMemMiB<<20, resource.BinarySI),
		corev1.ResourcePods:   *resource.NewQuantity(110, resource.DecimalSI), // kubelet's default
	}
	name := work.Node(n)
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}},
		Status: corev1.NodeStatus{Capacity: has, Allocatable: has,
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}},
	}
}

func pod(app, task int) *corev1.Pod {
	name := work.Task(app, task)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: metav1.NamespaceDefault, UID: types.UID(name),
			Labels: map[string]string{"app": work.App(app)}},
		Spec: corev1.PodSpec{
			SchedulerName: corev1.DefaultSchedulerName,
			RestartPolicy: corev1.RestartPolicyNever,
			Containers: []corev1.Container{{Name: "task", Image: "task", Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{
					corev1.ResourceCPU:    *resource.NewQuantity(work.TaskCPUs, resource.DecimalSI),
					corev1.ResourceMemory: *resource.NewQuantity(work.TaskMemMiB<<20, resource.BinarySI),
				}}}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodPending},
	}
}
