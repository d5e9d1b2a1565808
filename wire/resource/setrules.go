package resource

import (
	"errors"
	"fmt"

	"github.com/caprock/caprock/wire/mesos"
)

// Validate applies the rules for the resources of tasks, executors and operations that go beyond
// FromProto: whole gpus, sound disks, no dynamic reservation of what is revocable.
func (rs Resources) Validate() error {
	if err := rs.ValidateGPUs(); err != nil {
		return err
	}
	for _, r := range rs {
		if err := r.validateDisk(); err != nil {
			return fmt.Errorf("resource %s: %w", r, err)
		}
		if r.IsDynamicallyReserved() && r.IsRevocable() {
			return fmt.Errorf("resource %s is revocable and cannot be dynamically reserved", r)
		}
	}
	return nil
}

// ValidateGPUs checks that gpus, taken together, are a whole number.
func (rs Resources) ValidateGPUs() error {
	if gpus := rs.ScalarMilli("gpus"); gpus%milliPerUnit != 0 {
		return fmt.Errorf("gpus are %s, must be a whole number", FormatMilli(gpus))
	}
	return nil
}

// validateDisk checks that a disk is either a persistent volume with all it needs, or has a source and
// no volume.
func (r Resource) validateDisk() error {
	d := r.Disk()
	switch {
	case d == nil:
		return nil
	case d.Persistence != nil:
		return r.validatePersistence(d)
	case d.Volume != nil:
		return errors.New("disk has a volume without persistence")
	case d.Source == nil:
		return errors.New("disk has neither persistence, volume nor source")
	}
	return nil
}

func (r Resource) validatePersistence(d *mesos.Resource_DiskInfo) error {
	switch {
	case r.IsRevocable():
		return errors.New("persistent volumes cannot be revocable")
	case !r.IsReserved():
		return errors.New("persistent volumes must be reserved")
	case d.Volume == nil:
		return errors.New("persistent volume without volume")
	case d.Volume.HostPath != nil:
		return errors.New("volume.host_path must not be set for persistent volumes")
	}
	if err := ValidateID(d.Persistence.GetId()); err != nil {
		return fmt.Errorf("persistence: %w", err)
	}
	return nil
}

// ValidateUniquePersistenceIDs checks that no persistence ID occurs twice among the volumes reserved for
// one role.
func (rs Resources) ValidateUniquePersistenceIDs() error {
	type volume struct{ role, id string }
	seen := map[volume]bool{}
	for _, r := range rs {
		if !r.IsPersistentVolume() {
			continue
		}
		v := volume{r.ReservationRole(), r.persistenceID()}
		if seen[v] {
			return fmt.Errorf("persistence ID %q is not unique in role %q", v.id, v.role)
		}
		seen[v] = true
	}
	return nil
}

// ValidateNoRevocableMix checks that no name occurs both revocable and not.
func (rs Resources) ValidateNoRevocableMix() error {
	revocable := make(map[string]bool, len(rs))
	for _, r := range rs {
		if other, seen := revocable[r.name]; seen && other != r.IsRevocable() {
			return fmt.Errorf("both revocable and non-revocable %q are used", r.name)
		}
		revocable[r.name] = r.IsRevocable()
	}
	return nil
}

// ValidateAllocatedToSingleRole checks that all entries are allocated, and to one role.
func (rs Resources) ValidateAllocatedToSingleRole() error {
	for _, r := range rs {
		if r.allocation == "" {
			return fmt.Errorf("resource %s is not allocated to a role", r)
		}
		if r.allocation != rs[0].allocation {
			return fmt.Errorf("resources are allocated to the roles %q and %q, only one is allowed",
				rs[0].allocation, r.allocation)
		}
	}
	return nil
}

// ValidateSingleProvider checks that all entries come from one resource provider, or all from the
// agent itself. No resources at all are an error, too.
func (rs Resources) ValidateSingleProvider() error {
	if len(rs) == 0 {
		return errors.New("there are no resources, so they have no provider")
	}
	for _, r := range rs {
		if r.HasProvider() != rs[0].HasProvider() {
			return errors.New("some resources have a resource provider and some do not")
		}
		if r.ProviderID() != rs[0].ProviderID() {
			return fmt.Errorf("resources have the resource providers %q and %q, only one is allowed",
				rs[0].ProviderID(), r.ProviderID())
		}
	}
	return nil
}

// Overlap reports whether ranges or sets occur in more than one of the given Resources, such as the
// same port in a task and in its executor: then their sum is less than their amounts.
func Overlap(all ...Resources) bool {
	var amounts Quantities
	for _, rs := range all {
		amounts.AddInPlace(rs.Quantities())
	}
	return !amounts.Equal(Sum(all...).Quantities())
}
