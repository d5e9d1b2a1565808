package resource

import (
	"slices"
	"strings"

	"github.com/caprock/caprock/wire/mesos"
)

// comparedMetadata returns r's metadata without what comparisons ignore: how a disk is mounted
// (its volume), who created a persistent volume, the order of labels, and whether a label's empty
// value is present. Parts without such detail are shared with r.
//
// Mesos compares label lists by checking that each left label occurs on the right and that the
// lengths match, so {a,a,b} equals {a,b,b} there. Here labels are compared as multisets.
func comparedMetadata(r *mesos.Resource) *mesos.Resource {
	bare := shallowMetadata(r)
	bare.Disk = comparedDisk(r.Disk)
	bare.Reservations = slices.Clone(r.Reservations)
	for i, info := range bare.Reservations {
		if info.Labels != nil {
			bare.Reservations[i] = &mesos.Resource_ReservationInfo{
				Type:      info.Type,
				Role:      info.Role,
				Principal: info.Principal,
				Labels:    comparedLabels(info.Labels),
			}
		}
	}
	return bare
}

func comparedDisk(d *mesos.Resource_DiskInfo) *mesos.Resource_DiskInfo {
	if d == nil {
		return nil
	}
	bare := &mesos.Resource_DiskInfo{Source: d.Source}
	if d.Persistence != nil {
		bare.Persistence = &mesos.Resource_DiskInfo_Persistence{Id: d.Persistence.Id}
	}
	if d.Source != nil && d.Source.Metadata != nil {
		bare.Source = d.Source.CloneVT()
		bare.Source.Metadata = comparedLabels(d.Source.Metadata)
	}
	return bare
}

func comparedLabels(labels *mesos.Labels) *mesos.Labels {
	sorted := make([]*mesos.Label, 0, len(labels.Labels))
	for _, label := range labels.Labels {
		value := label.GetValue()
		sorted = append(sorted, &mesos.Label{Key: label.Key, Value: &value})
	}
	slices.SortFunc(sorted, func(a, b *mesos.Label) int {
		if c := strings.Compare(a.GetKey(), b.GetKey()); c != 0 {
			return c
		}
		return strings.Compare(a.GetValue(), b.GetValue())
	})
	return &mesos.Labels{Labels: sorted}
}
