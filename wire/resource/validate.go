//lint:file-ignore SA1019 The old reservation format is deprecated in the messages, and still has to be served.

package resource

import (
	"errors"
	"fmt"

	"github.com/caprock/caprock/wire/mesos"
)

// checkFormat checks that the fields of the old and the new reservation format agree. What it
// accepts has one meaning, so that the intern table need not know formats.
func checkFormat(r *mesos.Resource) error {
	switch len(r.Reservations) {
	case 0:
		return checkOldFormat(r)
	case 1:
		return checkBothFormats(r, r.Reservations[0])
	}
	if r.Role != nil || r.Reservation != nil {
		return errors.New("role and reservation must not be set beside more than one entry in reservations")
	}
	return nil
}

func checkOldFormat(r *mesos.Resource) error {
	if r.Reservation == nil {
		return nil
	}
	switch {
	case r.Reservation.Type != nil:
		return errors.New("reservation.type must not be set; it belongs into reservations")
	case r.Reservation.Role != nil:
		return errors.New("reservation.role must not be set; it belongs into reservations")
	case r.GetRole() == DefaultRole:
		return errors.New(`role "*" cannot be dynamically reserved`)
	}
	return nil
}

// checkBothFormats compares the single reservation with the old fields, which may repeat it.
func checkBothFormats(r *mesos.Resource, only *mesos.Resource_ReservationInfo) error {
	if r.Role != nil && *r.Role != only.GetRole() {
		return fmt.Errorf("role %q does not match role %q in reservations", *r.Role, only.GetRole())
	}
	if only.GetType() != mesos.Resource_ReservationInfo_DYNAMIC {
		if r.Reservation != nil {
			return errors.New("reservation must not be set beside a static reservation in reservations")
		}
		return nil
	}
	if (r.Role != nil) != (r.Reservation != nil) {
		return errors.New("role and reservation must be set together beside a dynamic reservation in reservations")
	}
	if r.Reservation == nil {
		return nil
	}
	if got, want := r.Reservation.GetPrincipal(), only.GetPrincipal(); got != want {
		return fmt.Errorf("reservation.principal %q does not match %q in reservations", got, want)
	}
	if !sameLabels(r.Reservation.Labels, only.Labels) {
		return errors.New("reservation.labels do not match the labels in reservations")
	}
	return nil
}

// sameLabels compares labels as sets of pairs; absent labels are the same as none.
func sameLabels(a, b *mesos.Labels) bool {
	if len(a.GetLabels()) == 0 && len(b.GetLabels()) == 0 {
		return true
	}
	if len(a.GetLabels()) != len(b.GetLabels()) {
		return false
	}
	return comparedLabels(a).EqualVT(comparedLabels(b))
}

// validateMetadata checks everything but the value. r is in the format with a stack.
func validateMetadata(r *mesos.Resource) error {
	if r.GetName() == "" {
		return errors.New("name is empty")
	}
	switch r.GetType() {
	case mesos.Value_SCALAR, mesos.Value_RANGES, mesos.Value_SET:
	default:
		return fmt.Errorf("type %v is not SCALAR, RANGES or SET", r.GetType())
	}
	if err := validateDisk(r); err != nil {
		return err
	}
	if err := validateStack(r.Reservations); err != nil {
		return err
	}
	return validateShared(r)
}

func validateDisk(r *mesos.Resource) error {
	if r.Disk == nil {
		return nil
	}
	if r.GetName() != "disk" {
		return fmt.Errorf("disk must not be set for %q", r.GetName())
	}
	if r.GetType() != mesos.Value_SCALAR {
		return fmt.Errorf("disk must not be set for type %v, only for SCALAR", r.GetType())
	}
	source := r.Disk.Source
	if source == nil {
		return nil
	}
	switch source.GetType() {
	case mesos.Resource_DiskInfo_Source_PATH, mesos.Resource_DiskInfo_Source_MOUNT:
	case mesos.Resource_DiskInfo_Source_BLOCK, mesos.Resource_DiskInfo_Source_RAW:
		if source.Mount != nil || source.Path != nil {
			return fmt.Errorf("disk source %v must have neither mount nor path", source.GetType())
		}
	default:
		return fmt.Errorf("disk source type %v is not supported", source.GetType())
	}
	return nil
}

func validateStack(stack []*mesos.Resource_ReservationInfo) error {
	for i, info := range stack {
		if err := validateReservation(info); err != nil {
			return err
		}
		if i == 0 {
			continue
		}
		if info.GetType() == mesos.Resource_ReservationInfo_STATIC {
			return fmt.Errorf("refined reservation for %q is STATIC, must be DYNAMIC", info.GetRole())
		}
		if outer := stack[i-1].GetRole(); !IsStrictSubrole(info.GetRole(), outer) {
			return fmt.Errorf("reserved role %q does not refine %q", info.GetRole(), outer)
		}
	}
	return nil
}

func validateReservation(info *mesos.Resource_ReservationInfo) error {
	switch {
	case info.Type == nil:
		return errors.New("reservation without type")
	case info.Role == nil:
		return errors.New("reservation without role")
	case *info.Role == DefaultRole:
		return errors.New(`role "*" cannot be reserved`)
	}
	switch *info.Type {
	case mesos.Resource_ReservationInfo_STATIC, mesos.Resource_ReservationInfo_DYNAMIC:
	default:
		return fmt.Errorf("reservation type %v is not STATIC or DYNAMIC", *info.Type)
	}
	return ValidateRole(*info.Role)
}

func validateShared(r *mesos.Resource) error {
	if r.Shared == nil {
		return nil
	}
	if r.GetName() != "disk" || r.Disk.GetPersistence() == nil {
		return fmt.Errorf("%q cannot be shared, only persistent volumes can", r.GetName())
	}
	return nil
}
