package resource

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/caprock/caprock/wire/mesos"
)

// The model is the slow and obvious reading of the rules: a map from what must be equal, spelled as
// text, to an amount. It knows nothing of kinds, classes or normal forms.
type model map[string]*amount

type amount struct {
	scalar int64
	points map[uint64]bool
	items  map[string]bool
	whole  []int64       // sizes of exclusive entries
	copies map[int64]int // of shared volumes, by size
}

func (m model) at(key string) *amount {
	if m[key] == nil {
		m[key] = &amount{points: map[uint64]bool{}, items: map[string]bool{}, copies: map[int64]int{}}
	}
	return m[key]
}

// modelKey spells the metadata that comparisons look at.
func modelKey(r *mesos.Resource) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %v alloc=%q", r.GetName(), r.GetType(), r.GetAllocationInfo().GetRole())
	for _, info := range r.Reservations {
		fmt.Fprintf(&b, " %v:%s", info.GetType(), info.GetRole())
		if info.Principal != nil {
			fmt.Fprintf(&b, "!%q", *info.Principal)
		}
		if info.Labels != nil {
			var labels []string
			for _, label := range info.Labels.Labels {
				labels = append(labels, fmt.Sprintf("%q=%q", label.GetKey(), label.GetValue()))
			}
			slices.Sort(labels)
			fmt.Fprint(&b, labels)
		}
	}
	if d := r.Disk; d != nil {
		fmt.Fprint(&b, " disk")
		if s := d.Source; s != nil {
			fmt.Fprintf(&b, " %v root=%q id=%v", s.GetType(), s.GetMount().GetRoot()+s.GetPath().GetRoot(), s.Id != nil)
			fmt.Fprintf(&b, " %q profile=%q", s.GetId(), s.GetProfile())
		}
		if d.Persistence != nil {
			fmt.Fprintf(&b, " volume=%q", d.Persistence.GetId())
		}
	}
	fmt.Fprintf(&b, " rev=%v shared=%v", r.Revocable != nil, r.Shared != nil)
	if r.ProviderId != nil {
		fmt.Fprintf(&b, " provider=%q", r.ProviderId.GetValue())
	}
	return b.String()
}

func modelExclusive(key string) bool {
	return strings.Contains(key, " MOUNT ") || strings.Contains(key, " BLOCK ") ||
		strings.Contains(key, " RAW root=\"\" id=true") || modelVolume(key)
}

func modelVolume(key string) bool { return strings.Contains(key, " volume=") }
func modelShared(key string) bool { return strings.Contains(key, "shared=true") }

func (m model) add(r *mesos.Resource, copies int) {
	key := modelKey(r)
	milli := int64(math.Round(r.GetScalar().GetValue() * 1000))
	switch {
	case r.GetType() == mesos.Value_SCALAR && milli == 0:
	case modelShared(key):
		m.at(key).copies[milli] += copies
	case modelExclusive(key):
		m.at(key).whole = append(m.at(key).whole, milli)
	default:
		m.at(key).scalar += milli
		for _, interval := range r.GetRanges().GetRange() {
			for p := interval.GetBegin(); p <= interval.GetEnd(); p++ {
				m.at(key).points[p] = true
			}
		}
		for _, item := range r.GetSet().GetItem() {
			m.at(key).items[item] = true
		}
	}
}

func (m model) plus(o model) model {
	sum := model{}
	for _, side := range []model{m, o} {
		for key, a := range side {
			at := sum.at(key)
			at.scalar += a.scalar
			maps.Copy(at.points, a.points)
			maps.Copy(at.items, a.items)
			at.whole = append(at.whole, a.whole...)
			for size, n := range a.copies {
				at.copies[size] += n
			}
		}
	}
	return sum
}

func (m model) minus(o model) model {
	rest := m.plus(model{})
	for key, a := range o {
		at := rest.at(key)
		at.scalar = max(0, at.scalar-a.scalar)
		for p := range a.points {
			delete(at.points, p)
		}
		for item := range a.items {
			delete(at.items, item)
		}
		for _, size := range a.whole {
			if i := slices.Index(at.whole, size); i >= 0 {
				at.whole = slices.Delete(at.whole, i, i+1)
			}
		}
		for size, n := range a.copies {
			if at.copies[size] = max(0, at.copies[size]-n); at.copies[size] == 0 {
				delete(at.copies, size)
			}
		}
	}
	return rest
}

func (m model) contains(o model) bool {
	for key, a := range o {
		at := m.at(key)
		if at.scalar < a.scalar || !modelWholes(key, at.whole, a.whole) {
			return false
		}
		for p := range a.points {
			if !at.points[p] {
				return false
			}
		}
		for item := range a.items {
			if !at.items[item] {
				return false
			}
		}
		for size, n := range a.copies {
			if at.copies[size] < n {
				return false
			}
		}
	}
	return true
}

// modelWholes: volumes are used up by what they are compared with, other exclusive disks are not.
func modelWholes(key string, have, want []int64) bool {
	have = slices.Clone(have)
	for _, size := range want {
		i := slices.Index(have, size)
		if i < 0 {
			return false
		}
		if modelVolume(key) {
			have = slices.Delete(have, i, i+1)
		}
	}
	return true
}

// String spells a model so that equal models have equal texts.
func (m model) String() string {
	var lines []string
	for key, a := range m {
		slices.Sort(a.whole)
		var points []uint64
		for p := range a.points {
			points = append(points, p)
		}
		slices.Sort(points)
		if a.scalar != 0 || len(a.points)+len(a.items)+len(a.whole)+len(a.copies) > 0 {
			lines = append(lines, fmt.Sprint(key, "=", a.scalar, points, slices.Sorted(maps.Keys(a.items)), a.whole, a.copies))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// modelOf reads a Resources through the messages it writes.
func modelOf(rs Resources) model {
	m := model{}
	for i, message := range rs.ToProto(PostRefinement) {
		m.add(message, rs[i].Copies())
	}
	return m
}

func modelOfMessages(list []*mesos.Resource) model {
	m := model{}
	for _, message := range list {
		m.add(message, 1)
	}
	return m
}

// drawMessages draws lists of valid messages in the post-refinement format, from few names, roles
// and disks, so that many of them meet.
func drawMessages(t *rapid.T, label string) []*mesos.Resource {
	return rapid.SliceOfN(rapid.Custom(drawMessage), 0, 8).Draw(t, label)
}

func drawMessage(t *rapid.T) *mesos.Resource {
	name := rapid.SampledFrom([]string{"cpus", "mem", "disk", "disk", "ports", "nics"}).Draw(t, "name")
	m := &mesos.Resource{Name: &name, Reservations: drawStack(t)}
	if role := rapid.SampledFrom([]string{"", "", "", "a", "b"}).Draw(t, "allocation"); role != "" {
		m.AllocationInfo = &mesos.Resource_AllocationInfo{Role: &role}
	}
	if rapid.IntRange(0, 5).Draw(t, "revocable") == 0 {
		m.Revocable = &mesos.Resource_RevocableInfo{}
	}
	if rapid.IntRange(0, 9).Draw(t, "provider") == 0 {
		id := "provider"
		m.ProviderId = &mesos.ResourceProviderID{Value: &id}
	}
	switch name {
	case "ports":
		m.Type = mesos.Value_RANGES.Enum()
		m.Ranges = drawRanges(t).toProto()
	case "nics":
		m.Type = mesos.Value_SET.Enum()
		items := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"e0", "e1", "e2", "e3"}), 0, 4, rapid.ID).Draw(t, "items")
		m.Set = &mesos.Value_Set{Item: items}
	default:
		m.Type = mesos.Value_SCALAR.Enum()
		value := FloatFromMilli(rapid.SampledFrom([]int64{0, 1, 100, 250, 1000, 1500, 64000}).Draw(t, "milli"))
		m.Scalar = &mesos.Value_Scalar{Value: &value}
	}
	if name == "disk" {
		drawDisk(t, m)
	}
	return m
}

func drawStack(t *rapid.T) []*mesos.Resource_ReservationInfo {
	var stack []*mesos.Resource_ReservationInfo
	role := ""
	for i := range rapid.SampledFrom([]int{0, 0, 1, 1, 2}).Draw(t, "depth") {
		role = strings.TrimPrefix(role+"/"+rapid.SampledFrom([]string{"a", "b"}).Draw(t, "role"), "/")
		info := &mesos.Resource_ReservationInfo{Role: new(role), Type: mesos.Resource_ReservationInfo_DYNAMIC.Enum()}
		if i == 0 && rapid.Bool().Draw(t, "static") {
			info.Type = mesos.Resource_ReservationInfo_STATIC.Enum()
		}
		if *info.Type == mesos.Resource_ReservationInfo_DYNAMIC && rapid.Bool().Draw(t, "principal") {
			info.Principal = new("p")
		}
		if *info.Type == mesos.Resource_ReservationInfo_DYNAMIC && rapid.Bool().Draw(t, "labels") {
			info.Labels = drawLabels(t)
		}
		stack = append(stack, info)
	}
	return stack
}

func drawLabels(t *rapid.T) *mesos.Labels {
	k1, k2, empty := "k1", "k2", ""
	one, two := &mesos.Label{Key: &k1, Value: &empty}, &mesos.Label{Key: &k2}
	return &mesos.Labels{Labels: rapid.SampledFrom([][]*mesos.Label{
		nil, {one, two}, {two, one}, {one}, {{Key: &k1}},
	}).Draw(t, "labelled")}
}

func drawRanges(t *rapid.T) Ranges {
	bounds := rapid.SliceOfNDistinct(rapid.Uint64Range(0, 40), 0, 8, rapid.ID).Draw(t, "bounds")
	slices.Sort(bounds)
	var ranges Ranges
	for i := 0; i+1 < len(bounds); i += 2 {
		ranges = append(ranges, Range{bounds[i], bounds[i+1]})
	}
	if rapid.Bool().Draw(t, "reversed") {
		slices.Reverse(ranges)
	}
	return ranges
}

func drawDisk(t *rapid.T, m *mesos.Resource) {
	d := &mesos.Resource_DiskInfo{}
	root, id, profile := "/m", "id", "fast"
	switch rapid.SampledFrom([]string{"plain", "plain", "path", "mount", "block", "raw", "rawid"}).Draw(t, "source") {
	case "path":
		d.Source = &mesos.Resource_DiskInfo_Source{
			Type: mesos.Resource_DiskInfo_Source_PATH.Enum(),
			Path: &mesos.Resource_DiskInfo_Source_Path{Root: &root},
		}
	case "mount":
		d.Source = &mesos.Resource_DiskInfo_Source{
			Type:  mesos.Resource_DiskInfo_Source_MOUNT.Enum(),
			Mount: &mesos.Resource_DiskInfo_Source_Mount{Root: &root},
		}
	case "block":
		d.Source = &mesos.Resource_DiskInfo_Source{Type: mesos.Resource_DiskInfo_Source_BLOCK.Enum()}
	case "raw":
		d.Source = &mesos.Resource_DiskInfo_Source{Type: mesos.Resource_DiskInfo_Source_RAW.Enum(), Profile: &profile}
	case "rawid":
		d.Source = &mesos.Resource_DiskInfo_Source{Type: mesos.Resource_DiskInfo_Source_RAW.Enum(), Id: &id}
	}
	if rapid.IntRange(0, 2).Draw(t, "volume") == 0 {
		path := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "path")
		d.Persistence = &mesos.Resource_DiskInfo_Persistence{Id: new(rapid.SampledFrom([]string{"v", "w"}).Draw(t, "id"))}
		d.Volume = &mesos.Volume{ContainerPath: &path, Mode: mesos.Volume_RW.Enum()}
		if rapid.Bool().Draw(t, "shared") {
			m.Shared = &mesos.Resource_SharedInfo{}
		}
	}
	if d.Source != nil || d.Persistence != nil {
		m.Disk = d
	}
}

// draw draws messages and reads them.
func draw(t *rapid.T, label string) (Resources, model) {
	messages := drawMessages(t, label)
	rs, err := FromProto(messages)
	if err != nil {
		t.Fatalf("FromProto(%v): %v", messages, err)
	}
	return rs, modelOfMessages(messages)
}

// wantNormal checks the invariants of Resources.
func wantNormal(t *rapid.T, rs Resources) {
	t.Helper()
	for i, r := range rs {
		if r.IsEmpty() {
			t.Fatalf("empty entry %s in %s", r, rs)
		}
		for _, other := range rs[:i] {
			if other.addable(r) || r.addable(other) {
				t.Fatalf("%s and %s are not merged in %s", other, r, rs)
			}
		}
		for j := 1; j < len(r.ranges); j++ {
			if r.ranges[j].Begin <= r.ranges[j-1].End+1 {
				t.Fatalf("ranges %s are not in normal form", r.ranges)
			}
		}
	}
}

func want(t *rapid.T, what string, got Resources, wanted model) {
	t.Helper()
	wantNormal(t, got)
	if g, w := modelOf(got).String(), wanted.String(); g != w {
		t.Fatalf("%s is\n%s\nwant\n%s", what, g, w)
	}
}

func TestArithmeticFollowsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, ma := draw(t, "a")
		b, mb := draw(t, "b")
		before := a.String() + b.String()
		want(t, "a", a, ma)
		want(t, "a+b", a.Plus(b), ma.plus(mb))
		want(t, "a-b", a.Minus(b), ma.minus(mb))
		want(t, "a+b-b", a.Plus(b).Minus(b), ma.plus(mb).minus(mb))
		if got, wanted := a.Contains(b), ma.contains(mb); got != wanted {
			t.Fatalf("%s contains %s: %v, want %v", a, b, got, wanted)
		}
		if !a.Plus(b).Contains(b) || !a.Equal(a) {
			t.Fatalf("a+b does not contain b, or a is not a: %s, %s", a, b)
		}
		if got, wanted := a.Equal(b), ma.contains(mb) && mb.contains(ma); got != wanted {
			t.Fatalf("%s equals %s: %v, want %v", a, b, got, wanted)
		}
		if !a.Plus(b).Equal(b.Plus(a)) {
			t.Fatalf("%s + %s depends on the order", a, b)
		}
		if after := a.String() + b.String(); after != before {
			t.Fatalf("operands changed from %s to %s", before, after)
		}
	})
}

// The index for long lists must not change any result.
func TestBulkEqualsWalking(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, ma := draw(t, "a")
		b, mb := draw(t, "b")
		adder := newBulkAdder(slices.Clone(a), len(b))
		for _, r := range b {
			adder.add(r)
		}
		want(t, "a+b", adder.rs, ma.plus(mb))
		f := indexedFinder(slices.Clone(a))
		contained := true
		for _, r := range b {
			contained = contained && f.find(r, Resource.contains) >= 0
		}
		if wanted := !slices.ContainsFunc(b, func(r Resource) bool { return !a.ContainsEntry(r) }); contained != wanted {
			t.Fatalf("%s contains all entries of %s: %v, want %v", a, b, contained, wanted)
		}
		for _, r := range b {
			f.subtract(r)
		}
		want(t, "a-b", f.rs.compact(), ma.minus(mb))
	})
}

// indexedFinder is a finder with an index, however short the list.
func indexedFinder(rs Resources) finder {
	f := finder{rs: rs}
	f.index()
	return f
}

func TestLongListsTakeTheIndex(t *testing.T) {
	var messages []*mesos.Resource
	for i := range 3 * bulkEntries {
		role, path := fmt.Sprintf("role%d", i%(2*bulkEntries)), fmt.Sprint(i)
		pair, err := Parse("cpus:1;disk:5", role)
		if err != nil {
			t.Fatal(err)
		}
		both := pair.ToProto(PostRefinement)
		both[1].Disk = &mesos.Resource_DiskInfo{
			Persistence: &mesos.Resource_DiskInfo_Persistence{Id: &role},
			Volume:      &mesos.Volume{ContainerPath: &path, Mode: mesos.Volume_RW.Enum()},
		}
		messages = append(messages, both...)
	}
	rs, err := FromProto(messages)
	if err != nil {
		t.Fatal(err)
	}
	if got, wanted := len(rs), 5*bulkEntries; got != wanted {
		t.Fatalf("%d entries, want %d", got, wanted)
	}
	half := Of(rs[:len(rs)/2]...)
	if !rs.Contains(half) || half.Contains(rs) || !rs.Minus(half).Plus(half).Equal(rs) {
		t.Fatal("halves do not add up to the whole")
	}
	if twice := rs.Plus(rs); !twice.Contains(rs) || rs.Contains(twice) || !twice.Minus(rs).Equal(rs) {
		t.Fatal("twice the resources minus the resources are not the resources")
	}
}

// Shared volumes of one class and different sizes are different entries, each with its copies.
func TestLongListsOfSharedVolumes(t *testing.T) {
	role, path := "r", "p"
	var messages []*mesos.Resource
	for i := range 2 * bulkEntries {
		m := NewScalar("disk", 1000*int64(1+i%3)).ToProto(PostRefinement)
		m.Reservations = []*mesos.Resource_ReservationInfo{{Type: mesos.Resource_ReservationInfo_STATIC.Enum(), Role: &role}}
		m.Disk = &mesos.Resource_DiskInfo{
			Persistence: &mesos.Resource_DiskInfo_Persistence{Id: &role},
			Volume:      &mesos.Volume{ContainerPath: &path, Mode: mesos.Volume_RW.Enum()},
		}
		m.Shared = &mesos.Resource_SharedInfo{}
		messages = append(messages, m)
	}
	rs, err := FromProto(messages)
	if err != nil || len(rs) != 3 {
		t.Fatalf("got %s, %v, want three sizes", rs, err)
	}
	if copies := rs[0].Copies() + rs[1].Copies() + rs[2].Copies(); copies != len(messages) {
		t.Fatalf("%d copies, want %d", copies, len(messages))
	}
	if twice := rs.Plus(rs); len(twice) != 3 || !twice.Contains(rs) || rs.Contains(twice) || !twice.Minus(rs).Equal(rs) {
		t.Fatalf("twice %s is %s", rs, twice)
	}
}

func TestDerivedSetsFollowModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, ma := draw(t, "a")
		split := a.Unreserved().Plus(a.Reserved())
		want(t, "unreserved+reserved", split, ma)
		want(t, "shared+others", a.Shared().Plus(a.NonShared()), ma)
		want(t, "revocable+others", a.Revocable().Plus(a.NonRevocable()), ma)
		var byRole Resources
		for _, role := range append(a.ReservationRoles(), "") {
			byRole = byRole.Plus(a.Filter(func(r Resource) bool { return r.ReservationRole() == role }))
		}
		want(t, "all roles", byRole, ma)

		free := model{}
		for _, message := range a.ToProto(PostRefinement.WithoutAllocation()) {
			free.add(message, 1)
		}
		for i, r := range a { // add the copies that messages do not tell
			for range r.Copies() - 1 {
				free.add(a[i : i+1].ToProto(PostRefinement.WithoutAllocation())[0], 1)
			}
		}
		want(t, "unallocated", a.Unallocate(), free)
		if roles := a.Allocate("z").AllocationRoles(); len(a) > 0 && !slices.Equal(roles, []string{"z"}) {
			t.Fatalf("allocation roles are %q", roles)
		}
		if !a.Allocate("z").Unallocate().Equal(a.Unallocate()) {
			t.Fatalf("%s is not the same after allocating it", a)
		}
	})
}

func TestFormatsSayTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, _ := draw(t, "a")
		for _, format := range []Format{PostRefinement, PreRefinement, Endpoint} {
			messages := a.ToProto(format)
			again, err := FromProto(messages)
			if err != nil {
				t.Fatalf("format %d of %s: %v", format, a, err)
			}
			// Messages do not tell how many copies there are.
			if !again.NonShared().Equal(a.NonShared()) || len(again) != len(a) {
				t.Fatalf("format %d of %s reads as %s", format, a, again)
			}
			for i, m := range messages {
				if m.GetScalar().GetValue() != FloatFromMilli(a[i].ScalarMilli()) {
					t.Fatalf("%s is written as %v", a[i], m)
				}
				size := m.SizeVT()
				encoded, err := m.MarshalVT()
				if err != nil || len(encoded) != size {
					t.Fatalf("cannot encode %v: %v", m, err)
				}
			}
		}
	})
}

func TestQuantitiesFollowModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, ma := draw(t, "a")
		scalars, all := map[string]int64{}, map[string]int64{}
		for key, at := range ma {
			name, _, _ := strings.Cut(key, " ")
			sum := at.scalar
			for _, size := range at.whole {
				sum += size
			}
			for size := range at.copies {
				sum += size
			}
			scalars[name] += sum
			all[name] += sum + 1000*int64(len(at.points)+len(at.items))
		}
		for _, name := range []string{"cpus", "mem", "disk", "ports", "nics"} {
			if got := a.CreateStrippedScalarQuantity().Get(name); got != scalars[name] {
				t.Fatalf("scalar quantity of %s in %s is %d, want %d", name, a, got, scalars[name])
			}
			if got := a.Quantities().Get(name); got != all[name] {
				t.Fatalf("quantity of %s in %s is %d, want %d", name, a, got, all[name])
			}
			if got := a.ScalarMilli(name); got != scalars[name] {
				t.Fatalf("scalar %s of %s is %d, want %d", name, a, got, scalars[name])
			}
		}
		q := a.Quantities()
		if !a.ContainsQuantities(q) || !slices.IsSortedFunc(q, func(x, y Quantity) int { return strings.Compare(x.Name, y.Name) }) {
			t.Fatalf("%s does not hold its quantities %s", a, q)
		}
		if len(q) > 0 {
			more := q.Plus(Quantities{{q[0].Name, 1}})
			if a.ContainsQuantities(more) || q.Contains(more) || !more.Contains(q) || !more.Minus(q).Equal(Quantities{{q[0].Name, 1}}) {
				t.Fatalf("one thousandth more than %s is contained", q)
			}
		}
	})
}
