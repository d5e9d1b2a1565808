package cycle

// row is one line of the matrix, with what the allocator of Mesos 1.12 takes for
// the same shape on the same kind of machine, 0 if that was not measured.
type row struct {
	Name         string  `json:"name"`
	MesosSeconds float64 `json:"mesos_s,omitempty"`
	Shape        Shape   `json:"-"`
	Report       *Report `json:"report"`
	Parts        *Parts  `json:"parts"`
}

func matrix() []row {
	return []row{
		{Name: "1,000 × 1,000", MesosSeconds: 0.06, Shape: Shape{Agents: 1000, Frameworks: 1000, Roles: 1}},
		{Name: "10,000 × 50", MesosSeconds: 0.19, Shape: Shape{Agents: 10000, Frameworks: 50, Roles: 1}},
		{Name: "10,000 × 1,000", MesosSeconds: 0.29, Shape: Shape{Agents: 10000, Frameworks: 1000, Roles: 1}},
		{Name: "10,000 × 1,000, partial", MesosSeconds: 0.48, Shape: Shape{Agents: 10000, Frameworks: 1000, Roles: 1, Partial: true}},
		{Name: "10,000 × 200 × 200 roles", MesosSeconds: 0.27, Shape: Shape{Agents: 10000, Frameworks: 200, Roles: 200}},
		{Name: "10,000 × 1,000 × 1,000 roles", MesosSeconds: 0.81, Shape: Shape{Agents: 10000, Frameworks: 1000, Roles: 1000}},
		{Name: "50,000 × 200", MesosSeconds: 1.14, Shape: Shape{Agents: 50000, Frameworks: 200, Roles: 1}},
		{Name: "50,000 × 1,000", MesosSeconds: 1.53, Shape: Shape{Agents: 50000, Frameworks: 1000, Roles: 1}},
		{Name: "50,000 × 1,000, partial", MesosSeconds: 2.75, Shape: Shape{Agents: 50000, Frameworks: 1000, Roles: 1, Partial: true}},
		{Name: "50,000 × 1,000, filters of 3 s", Shape: Shape{Agents: 50000, Frameworks: 1000, Roles: 1, DeclineSeconds: 3}},
		{Name: "50,000 × 1,000, everything refused", Shape: Shape{Agents: 50000, Frameworks: 1000, Roles: 1, Refused: true}},
		{Name: "100,000 × 1,000 × 1,000 roles", Shape: Shape{Agents: 100000, Frameworks: 1000, Roles: 1000}},
		{Name: "100,000 × 1,000 × 1,000 roles, rich, filters of 3 s",
			Shape: Shape{Agents: 100000, Frameworks: 1000, Roles: 1000, Rich: true, DeclineSeconds: 3}},
		{Name: "LargeAndSmallQuota 3,000", MesosSeconds: 12.2, Shape: Shape{Agents: 3000, Frameworks: 3000, Roles: 3000, Quota: "large-and-small"}},
	}
}
