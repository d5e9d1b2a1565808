package core

import (
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// opWorld is a world whose allocator hears of operations and says nothing of its own.
func opWorld(t *testing.T) *world {
	w := newWorld(t)
	w.muteOperations = true
	w.connect()
	w.rest()
	return w
}

// rest tells the agent all that has happened, and whatever comes of it.
func (w *world) rest() {
	for len(w.inbox) > 0 || w.linked && w.sent < len(w.outbox) {
		for len(w.inbox) > 0 {
			w.tell(-1)
		}
		w.flush()
	}
}

func reports(w *world) (n int) {
	for _, u := range w.reports {
		if u.Status.GetState() != mesos.OperationState_OPERATION_PENDING {
			n++
		}
	}
	return n
}

// The end of an operation is reported until it is acknowledged, over a broken link
// and restarts of the agent, with the same uuid.
func TestOperationFeedback(t *testing.T) {
	w := opWorld(t)
	w.outbox = append(w.outbox, &link.Down{Seq: new(uint64(1)), Body: &link.Down_Ping{Ping: &link.Ping{}}}) // so that the operation has an id
	w.changeVolume("v0")
	w.rest()
	if got := reports(w); got != 1 {
		t.Fatalf("reported %d times, want once", got)
	}
	w.advance(9 * second)
	if got := reports(w); got != 1 {
		t.Fatalf("reported again after 9 s")
	}
	w.advance(second)
	w.advance(20 * second)
	if got := reports(w); got != 3 {
		t.Fatalf("reported %d times within 30 s, want 3", got)
	}
	w.reboot()
	w.connect()
	w.rest()
	if got := reports(w); got != 4 {
		t.Fatalf("reported %d times, want again after the restart", got)
	}
	first := w.reports[0].Status
	for _, u := range w.reports {
		if !u.Status.EqualVT(first) {
			t.Errorf("reported %v and %v", first, u.Status)
		}
	}
	if ops := w.core.registration().Operations; len(ops) != 1 {
		t.Errorf("the registration lists %d operations, want the one", len(ops))
	}
	w.enqueue(&link.Down{Body: &link.Down_AcknowledgeOperation{AcknowledgeOperation: &link.AcknowledgeOperation{
		OperationUuid: w.reports[0].OperationUuid, StatusUuid: &mesos.UUID{Value: []byte("of another status")},
	}}})
	w.rest()
	w.advance(40 * second)
	if got := reports(w); got != 5 {
		t.Fatalf("reported %d times, want again after an acknowledgement of something else", got)
	}
	w.enqueue(&link.Down{Body: &link.Down_AcknowledgeOperation{AcknowledgeOperation: &link.AcknowledgeOperation{
		OperationUuid: w.reports[0].OperationUuid, StatusUuid: first.Uuid,
	}}})
	w.rest()
	w.advance(30 * second)
	if got := reports(w); got != 5 || len(w.core.operations) != 0 {
		t.Fatalf("reported %d times, and %d operations are kept, want no more", got, len(w.core.operations))
	}
}

// An operation that does not fit what the agent has changes nothing.
func TestOperationThatDoesNotFit(t *testing.T) {
	w := opWorld(t)
	before := len(w.core.res.Total)
	w.enqueue(&link.Down{Body: &link.Down_ApplyOperation{ApplyOperation: &link.ApplyOperation{
		OperationUuid: &mesos.UUID{Value: []byte("0123456789abcdef")}, Total: []*mesos.Resource{simDisk(5)},
		Info: &mesos.Offer_Operation{
			Id: &mesos.OperationID{Value: new("op")}, Type: mesos.Offer_Operation_DESTROY.Enum(),
			Destroy: &mesos.Offer_Operation_Destroy{Volumes: []*mesos.Resource{simVolumeOf("v0")}},
		},
	}}})
	w.rest()
	if len(w.reports) != 1 || w.reports[0].Status.GetState() != mesos.OperationState_OPERATION_DROPPED ||
		!strings.Contains(w.reports[0].Status.GetMessage(), "does not contain") {
		t.Fatalf("got %v, want DROPPED", w.reports)
	}
	if len(w.core.res.Total) != before || len(w.core.res.Changes) != 0 {
		t.Errorf("the total is now %v", w.core.res.Total)
	}
}

// A directory that cannot be made fails its operation, and is tried again at the
// next start.
func TestVolumeThatCannotBeMade(t *testing.T) {
	w := opWorld(t)
	w.outbox = append(w.outbox, &link.Down{Seq: new(uint64(1)), Body: &link.Down_Ping{Ping: &link.Ping{}}})
	w.disks.fault = "no space left on device"
	w.changeVolume("v0")
	w.rest()
	if len(w.reports) != 1 || w.reports[0].Status.GetState() != mesos.OperationState_OPERATION_FAILED ||
		w.reports[0].Status.GetMessage() != "no space left on device" {
		t.Fatalf("got %v, want FAILED", w.reports)
	}
	w.disks.fault = ""
	w.reboot()
	w.rest()
	if _, there := w.disks.dirs[simVolumePath("v0")]; !there || len(w.core.res.Changes) > 0 {
		t.Errorf("the volume was not made by the next agent: %v", w.disks.dirs)
	}
}

func TestVolumePaths(t *testing.T) {
	c := New(testOptions(1))
	ct := &container{}
	for _, tc := range []struct {
		name   string
		edit   func(*mesos.Resource)
		source string
		fault  string
	}{
		{"default", func(*mesos.Resource) {}, "/w/volumes/roles/a b/id", ""},
		{"PATH", func(r *mesos.Resource) { r.Disk.Source = simSource("PATH", "/disk") }, "/disk/volumes/roles/a b/id", ""},
		{"relative PATH", func(r *mesos.Resource) { r.Disk.Source = simSource("PATH", "disk") }, "/w/disk/volumes/roles/a b/id", ""},
		{"MOUNT", func(r *mesos.Resource) { r.Disk.Source = simSource("MOUNT", "/mnt/x/") }, "/mnt/x", ""},
		{"RAW", func(r *mesos.Resource) { r.Disk.Source = simSource("RAW", "") }, "", "holds no directories"},
		{"id that climbs", func(r *mesos.Resource) { r.Disk.Persistence.Id = new("..") }, "", "not allowed"},
		{"absolute target", func(r *mesos.Resource) { r.Disk.Volume.ContainerPath = new("/data/../data/") }, "/w/volumes/roles/a b/id", ""},
		{"target that climbs", func(r *mesos.Resource) { r.Disk.Volume.ContainerPath = new("a/../../b") }, "", "below the sandbox"},
		{"the sandbox itself", func(r *mesos.Resource) { r.Disk.Volume.ContainerPath = new(".") }, "", "below the sandbox"},
	} {
		r := simVolumeOf("id")
		tc.edit(r)
		got, err := c.volumes(ct, []*mesos.Resource{simDisk(1), r})
		switch {
		case tc.fault != "":
			if err == nil || !strings.Contains(err.Error(), tc.fault) {
				t.Errorf("%s: got %v, want %q", tc.name, err, tc.fault)
			}
		case err != nil || len(got) != 1 || got[0].Source != tc.source || got[0].Target != "data" && got[0].Target != "/data":
			t.Errorf("%s: got %v %v, want %s", tc.name, got, err, tc.source)
		}
	}
}

func simSource(kind, root string) *mesos.Resource_DiskInfo_Source {
	typ := mesos.Resource_DiskInfo_Source_Type(mesos.Resource_DiskInfo_Source_Type_value[kind])
	s := &mesos.Resource_DiskInfo_Source{Type: &typ}
	switch kind {
	case "PATH":
		s.Path = &mesos.Resource_DiskInfo_Source_Path{Root: &root}
	case "MOUNT":
		s.Mount = &mesos.Resource_DiskInfo_Source_Mount{Root: &root}
	}
	return s
}

// What a restart may change, by policy.
func TestReconfiguration(t *testing.T) {
	more := func(o *Options) { o.Resources = append(o.Resources[:len(o.Resources):len(o.Resources)], simDisk(1)) }
	less := func(o *Options) { o.Resources = o.Resources[:1] }
	attribute := func(o *Options) {
		o.Attributes = []*mesos.Attribute{{Name: new("rack"), Type: mesos.Value_TEXT.Enum(), Text: &mesos.Value_Text{Value: new("r")}}}
	}
	same := func(*Options) {}
	elsewhere := func(o *Options) {
		moved := simMount()
		moved.Disk.Source.Mount.Root = new("/mnt/m1")
		o.Resources = append(o.Resources[:2:2], moved)
	}
	for _, tc := range []struct {
		policy string
		first  func(*Options)
		then   func(*Options)
		fault  string
	}{
		{ReconfigureFitting, same, less, ""},
		{ReconfigureFitting, attribute, same, ""},
		{ReconfigureAdditive, same, more, ""},
		{ReconfigureAdditive, same, attribute, ""},
		{ReconfigureAdditive, same, less, "shrank"},
		{ReconfigureAdditive, attribute, same, "attribute rack is gone"},
		{ReconfigureFitting, same, elsewhere, ""},
		{ReconfigureAdditive, same, elsewhere, "shrank"},
		{ReconfigureEqual, same, same, ""},
		{ReconfigureEqual, same, elsewhere, "changed"},
		{ReconfigureEqual, same, more, "changed"},
		{ReconfigureEqual, attribute, same, "changed"},
	} {
		opts := testOptions(1)
		tc.first(&opts)
		c := New(opts)
		c.Assemble()
		if err := c.Recover(Time{Wall: 1, Mono: 1}, nil); err != nil {
			t.Fatal(err)
		}
		b, err := c.res.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		next := testOptions(2)
		next.ReconfigurationPolicy = tc.policy
		tc.then(&next)
		c = New(next)
		if err := c.Load("resources", b); err != nil {
			t.Fatal(err)
		}
		c.Assemble()
		err = c.Recover(Time{Wall: 2, Mono: 1}, nil)
		if (err == nil) != (tc.fault == "") || err != nil && !strings.Contains(err.Error(), tc.fault) {
			t.Errorf("%s: got %v, want %q", tc.policy, err, tc.fault)
		}
	}
}
