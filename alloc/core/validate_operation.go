package core

import (
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// operationValidator holds an operation against the agent it is for. f is nil for
// operators' operations, whose resources must not be allocated.
type operationValidator struct {
	caps      agentCaps
	total     resource.Resources        // of the agent
	used      func() resource.Resources // on the agent, without allocation roles
	principal string                    // empty if unknown
	f         *frameworkState
}

func (v *operationValidator) validate(op *mesos.Offer_Operation) error {
	switch op.GetType() {
	case mesos.Offer_Operation_RESERVE:
		return v.validateReserve(op.GetReserve())
	case mesos.Offer_Operation_UNRESERVE:
		return v.validateUnreserve(op.GetUnreserve())
	case mesos.Offer_Operation_CREATE:
		return v.validateCreate(op.GetCreate())
	case mesos.Offer_Operation_DESTROY:
		return v.validateDestroy(op.GetDestroy())
	case mesos.Offer_Operation_GROW_VOLUME:
		return v.validateGrow(op.GetGrowVolume())
	case mesos.Offer_Operation_SHRINK_VOLUME:
		return v.validateShrink(op.GetShrinkVolume())
	case mesos.Offer_Operation_CREATE_DISK:
		return v.validateCreateDisk(op.GetCreateDisk())
	case mesos.Offer_Operation_DESTROY_DISK:
		return v.validateDestroyDisk(op.GetDestroyDisk())
	}
	return faultf("operation type %v is unknown", op.GetType())
}

// readValid parses a list and applies the rules for the resources of operations.
func readValid(list []*mesos.Resource) (resource.Resources, error) {
	rs, err := resource.FromProto(list)
	if err != nil {
		return nil, err
	}
	if err := rs.Validate(); err != nil {
		return nil, faultf("Invalid resources: %w", err)
	}
	return rs, rs.ValidateSingleProvider()
}

func (v *operationValidator) validateReserve(op *mesos.Offer_Operation_Reserve) error {
	rs, err := readValid(op.GetResources())
	if err != nil {
		return err
	}
	if len(op.GetSource()) > 0 {
		if err := validateReservationSource(op, rs); err != nil {
			return err
		}
	}
	for _, r := range rs {
		if !r.IsDynamicallyReserved() {
			return faultf("Resource %s is not dynamically reserved", r)
		}
		if err := v.validateReservationSupport(r); err != nil {
			return err
		}
		if err := v.validateReservationOwner(r); err != nil {
			return err
		}
	}
	return v.validateAllocation(rs)
}

// validateReservationSource: a re-reservation changes who holds resources, not
// how many there are.
func validateReservationSource(op *mesos.Offer_Operation_Reserve, rs resource.Resources) error {
	source, err := readValid(op.GetSource())
	if err != nil {
		return faultf("source: %w", err)
	}
	if source.IsEmpty() || rs.IsEmpty() {
		return faultf("'source' and 'resources' must not be empty")
	}
	for _, side := range []resource.Resources{source, rs} {
		for _, r := range side {
			if !sameStack(r, side[0]) {
				return faultf("reservations of all resources must be the same")
			}
		}
	}
	if !source.ToUnreserved().Equal(rs.ToUnreserved()) {
		return faultf("quantities of 'source' %s and 'resources' %s must be the same", source, rs)
	}
	return nil
}

func sameStack(a, b resource.Resource) bool {
	x, y := a.Reservations(), b.Reservations()
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if !x[i].EqualVT(y[i]) {
			return false
		}
	}
	return true
}

func (v *operationValidator) validateReservationSupport(r resource.Resource) error {
	if hierarchical(r.ReservationRole()) && !v.caps.hierarchicalRole {
		return faultf("Resource %s with reservation for hierarchical role %q cannot be reserved: the agent lacks HIERARCHICAL_ROLE", r, r.ReservationRole())
	}
	if r.HasRefinedReservations() && !v.caps.refinement {
		return faultf("Resource %s has refined reservations: the agent lacks RESERVATION_REFINEMENT", r)
	}
	return nil
}

func hierarchical(role string) bool {
	_, nested := resource.RoleParent(role)
	return nested
}

func (v *operationValidator) validateReservationOwner(r resource.Resource) error {
	if v.principal == "" {
		return nil
	}
	top := r.Reservations()[len(r.Reservations())-1]
	if top.Principal == nil {
		return faultf("A reserve operation was attempted by principal '%s', but there is a reserved resource %s in the request with no principal set", v.principal, r)
	}
	if top.GetPrincipal() != v.principal {
		return faultf("A reserve operation was attempted by principal '%s', but there is a reserved resource in the request with principal '%s' set", v.principal, top.GetPrincipal())
	}
	return nil
}

// validateAllocation: a framework reserves for the role its offer is for; an
// operator has no role.
func (v *operationValidator) validateAllocation(rs resource.Resources) error {
	for _, r := range rs {
		switch {
		case v.f == nil && r.AllocationRole() != "":
			return faultf("A reserve operation was attempted with an allocated resource %s", r)
		case v.f == nil:
		case r.AllocationRole() == "":
			return faultf("A reserve operation was attempted on unallocated resource %s", r)
		case r.AllocationRole() != r.ReservationRole():
			return faultf("A reserve operation was attempted for a resource with role '%s', but the resource is allocated to role '%s'", r.ReservationRole(), r.AllocationRole())
		case !v.f.subscribed(r.ReservationRole()):
			return faultf("A reserve operation was attempted for a resource with role '%s', but the framework can only reserve resources with its roles", r.ReservationRole())
		}
	}
	return nil
}

func (v *operationValidator) validateUnreserve(op *mesos.Offer_Operation_Unreserve) error {
	rs, err := readValid(op.GetResources())
	if err != nil {
		return err
	}
	for _, r := range rs {
		if !r.IsDynamicallyReserved() {
			return faultf("Resource %s is not dynamically reserved", r)
		}
		if r.IsPersistentVolume() {
			return faultf("A dynamically reserved persistent volume %s cannot be unreserved directly. Please destroy the persistent volume first then unreserve the resource", r)
		}
	}
	return nil
}

func (v *operationValidator) validateCreate(op *mesos.Offer_Operation_Create) error {
	rs, err := readValid(op.GetVolumes())
	if err != nil {
		return err
	}
	for _, r := range rs {
		if err := v.validateNewVolume(r); err != nil {
			return err
		}
	}
	all := v.total.Unallocate().PersistentVolumes().Plus(rs.Unallocate())
	return all.ValidateUniquePersistenceIDs()
}

func (v *operationValidator) validateNewVolume(r resource.Resource) error {
	d := r.Disk()
	switch {
	case d == nil:
		return faultf("Resource %s does not have DiskInfo", r)
	case d.Persistence == nil:
		return faultf("Resource %s: 'persistence' is not set in DiskInfo", r)
	case d.Volume == nil:
		return faultf("Resource %s: expecting 'volume' to be set for persistent volume", r)
	case d.Volume.GetMode() == mesos.Volume_RO:
		return faultf("Read-only persistent volume not supported")
	case r.IsShared() && v.f != nil && !v.f.caps.shared:
		return faultf("Shared persistent volume %s cannot be created: the framework lacks SHARED_RESOURCES", r)
	}
	if err := v.validateReservationSupport(r); err != nil {
		return err
	}
	if v.principal == "" {
		return nil
	}
	if d.Persistence.Principal == nil {
		return faultf("Create volume operation has been attempted by principal '%s', but there is a volume in the operation with no principal set in 'disk.persistence.principal'", v.principal)
	}
	if d.Persistence.GetPrincipal() != v.principal {
		return faultf("Create volume operation has been attempted by principal '%s', but there is a volume in the operation with principal '%s' set in 'disk.persistence.principal'", v.principal, d.Persistence.GetPrincipal())
	}
	return nil
}

func (v *operationValidator) validateDestroy(op *mesos.Offer_Operation_Destroy) error {
	rs, err := readValid(op.GetVolumes())
	if err != nil {
		return err
	}
	total, used := v.total.Unallocate(), v.used()
	for _, r := range rs {
		volume := resource.Of(r).Unallocate()
		switch {
		case !r.IsPersistentVolume():
			return faultf("'%s' is not a persistent volume", r)
		case !total.Contains(volume):
			return faultf("Persistent volumes not found")
		case used.Contains(volume):
			return faultf("Persistent volumes in use")
		}
	}
	return nil
}

// validateResizable are the rules that growing and shrinking share.
func (v *operationValidator) validateResizable(message *mesos.Resource) (resource.Resource, error) {
	rs, err := readValid([]*mesos.Resource{message})
	if err != nil {
		return resource.Resource{}, err
	}
	r := rs[0]
	switch {
	case r.HasProvider():
		return r, faultf("Resizing a volume from resource provider %s is not supported", r.ProviderID())
	case !r.IsPersistentVolume():
		return r, faultf("'%s' is not a persistent volume", r)
	case r.IsShared():
		return r, faultf("Resizing the shared persistent volume %s is not supported", r)
	case !v.caps.resizeVolume:
		return r, faultf("the agent lacks the capability RESIZE_VOLUME")
	}
	return r, nil
}

func (v *operationValidator) validateGrow(op *mesos.Offer_Operation_GrowVolume) error {
	volume, err := v.validateResizable(op.GetVolume())
	if err != nil {
		return err
	}
	addition, err := readValid([]*mesos.Resource{op.GetAddition()})
	if err != nil {
		return faultf("addition: %w", err)
	}
	if addition[0].ScalarMilli() <= 0 {
		return faultf("The size of 'GrowVolume.addition' must be greater than zero")
	}
	conversion, err := resource.OperationConversions(&mesos.Offer_Operation{
		Type:    mesos.Offer_Operation_DESTROY.Enum(),
		Destroy: &mesos.Offer_Operation_Destroy{Volumes: []*mesos.Resource{op.GetVolume()}},
	})
	if err != nil {
		return err
	}
	// What the volume would be without its data must be of the addition's kind.
	if plain := conversion[0].Converted[0].WithScalarMilli(addition[0].ScalarMilli()); !resource.Of(plain).Equal(addition) {
		return faultf("Incompatible resources in 'volume' %s and 'addition' %s", volume, addition)
	}
	return nil
}

func (v *operationValidator) validateShrink(op *mesos.Offer_Operation_ShrinkVolume) error {
	volume, err := v.validateResizable(op.GetVolume())
	if err != nil {
		return err
	}
	if volume.Disk().GetSource().GetType() == mesos.Resource_DiskInfo_Source_MOUNT {
		return faultf("Shrinking the volume %s on a MOUNT disk is not supported", volume)
	}
	milli, ok := resource.MilliFromFloat(op.GetSubtract().GetValue())
	switch {
	case !ok || milli <= 0:
		return faultf("Value of 'ShrinkVolume.subtract' must be greater than zero")
	case milli >= volume.ScalarMilli():
		return faultf("Value of 'ShrinkVolume.subtract' must be smaller than the size of 'ShrinkVolume.volume'")
	}
	return nil
}

func (v *operationValidator) validateCreateDisk(op *mesos.Offer_Operation_CreateDisk) error {
	source, err := v.validateProviderDisk(op.GetSource())
	if err != nil {
		return err
	}
	if source.Disk().GetSource().GetType() != mesos.Resource_DiskInfo_Source_RAW {
		return faultf("'source' is not a RAW disk resource")
	}
	if t := op.GetTargetType(); t != mesos.Resource_DiskInfo_Source_MOUNT && t != mesos.Resource_DiskInfo_Source_BLOCK {
		return faultf("'target_type' is neither MOUNT or BLOCK, got %v", t)
	}
	if (source.Disk().GetSource().Profile != nil) == (op.TargetProfile != nil) {
		return faultf("'target_profile' must be set if and only if 'source' has no profile")
	}
	return nil
}

func (v *operationValidator) validateDestroyDisk(op *mesos.Offer_Operation_DestroyDisk) error {
	source, err := v.validateProviderDisk(op.GetSource())
	if err != nil {
		return err
	}
	switch source.Disk().GetSource().GetType() {
	case mesos.Resource_DiskInfo_Source_MOUNT, mesos.Resource_DiskInfo_Source_BLOCK, mesos.Resource_DiskInfo_Source_RAW:
	default:
		return faultf("'source' is neither a MOUNT, BLOCK or RAW disk resource")
	}
	if source.Disk().GetSource().Id == nil {
		return faultf("'source' is not backed by a CSI volume: it has no id")
	}
	if source.IsPersistentVolume() {
		return faultf("A disk resource containing a persistent volume %s cannot be destroyed directly. Please destroy the persistent volume first then destroy the disk resource", source)
	}
	return nil
}

func (v *operationValidator) validateProviderDisk(message *mesos.Resource) (resource.Resource, error) {
	if !v.caps.resourceProvider {
		return resource.Resource{}, faultf("the agent lacks the capability RESOURCE_PROVIDER")
	}
	rs, err := readValid([]*mesos.Resource{message})
	if err != nil {
		return resource.Resource{}, err
	}
	if !rs[0].HasProvider() {
		return rs[0], faultf("'source' is not managed by a resource provider")
	}
	return rs[0], nil
}
