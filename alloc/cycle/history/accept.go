package history

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
	"github.com/caprock/caprock/wire/resource/notation"
)

// Operations reads the value of ops=: a list of [kind, resources].
func Operations(text, role string) ([]resource.Conversion, error) {
	if text == "" {
		return nil, nil
	}
	var ops [][2]string
	if err := json.Unmarshal([]byte(text), &ops); err != nil {
		return nil, err
	}
	var out []resource.Conversion
	for _, op := range ops {
		res, err := notation.Parse(op[1])
		if err != nil {
			return nil, err
		}
		if role != "" {
			res = res.Allocate(role)
		}
		message, err := operation(op[0], res.ToProto(resource.PostRefinement))
		if err != nil {
			return nil, err
		}
		c, err := resource.OperationConversions(message)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", op[0], op[1], err)
		}
		out = append(out, c...)
	}
	return out, nil
}

func operation(kind string, res []*mesos.Resource) (*mesos.Offer_Operation, error) {
	op := &mesos.Offer_Operation{}
	switch kind {
	case "reserve":
		op.Type = mesos.Offer_Operation_RESERVE.Enum()
		op.Reserve = &mesos.Offer_Operation_Reserve{Resources: res}
	case "unreserve":
		op.Type = mesos.Offer_Operation_UNRESERVE.Enum()
		op.Unreserve = &mesos.Offer_Operation_Unreserve{Resources: res}
	case "create":
		op.Type = mesos.Offer_Operation_CREATE.Enum()
		op.Create = &mesos.Offer_Operation_Create{Volumes: res}
	case "destroy":
		op.Type = mesos.Offer_Operation_DESTROY.Enum()
		op.Destroy = &mesos.Offer_Operation_Destroy{Volumes: res}
	default:
		return nil, fmt.Errorf("unknown operation %q, want reserve, unreserve, create or destroy", kind)
	}
	return op, nil
}

// launch is one task of an accepted offer.
type launch struct {
	name string
	res  resource.Resources
}

func (p *Player) doAccept(w words) error {
	o, ok := p.offers[w.arg(0)]
	if !ok {
		return nil // forgotten with its agent
	}
	filter, err := filterOf(w, defaultFilter())
	if err != nil {
		return err
	}
	conv, err := Operations(w.named["ops"], o.role)
	if err != nil {
		return err
	}
	var launches []launch
	for _, text := range w.tasks {
		name, resText, _ := strings.Cut(text, ":")
		res, err := notation.Parse(resText)
		if err != nil {
			return err
		}
		launches = append(launches, launch{name, res.Allocate(o.role)})
	}
	return p.accept(o, conv, launches, filter)
}

// accept does what a master does with an accepted offer: operations, return of
// what they made and no task took, return of the rest with the filter, launch.
func (p *Player) accept(o *offer, conv []resource.Conversion, launches []launch, filter *cycle.Filter) error {
	delete(p.offers, o.name)
	converted, err := o.res.Apply(conv)
	if err != nil {
		return err
	}
	if len(conv) > 0 {
		if err := p.target.UpdateAllocation(o.framework, o.agent, o.res, conv); err != nil {
			return err
		}
	}
	remaining := converted
	for _, l := range launches {
		remaining = remaining.Minus(l.res)
	}
	made := remaining.Minus(o.res)
	rest := remaining.Minus(made)
	if err := p.target.RecoverResources(p.Now, o.framework, o.agent, made, nil, false); err != nil {
		return err
	}
	if err := p.target.RecoverResources(p.Now, o.framework, o.agent, rest, filter, false); err != nil {
		return err
	}
	for _, l := range launches {
		p.launched++
		if l.name == "" {
			l.name = "launch " + strconv.Itoa(p.launched)
		}
		p.tasks[l.name] = &task{l.name, o.framework, o.role, o.agent, p.launched, l.res}
		if err := p.target.TransitionOfferedToAllocated(o.framework, o.agent, l.res); err != nil {
			return err
		}
	}
	return nil
}

func (p *Player) doFinish(w words) error {
	t, ok := p.tasks[w.arg(0)]
	if !ok {
		return nil // forgotten with its agent
	}
	filter, err := filterOf(w, nil)
	if err != nil {
		return err
	}
	done := t.res
	if text, ok := w.named["res"]; ok {
		part, err := notation.Parse(text)
		if err != nil {
			return err
		}
		done = part.Allocate(t.role)
	}
	return p.finish(t, done, filter)
}

func (p *Player) finish(t *task, done resource.Resources, filter *cycle.Filter) error {
	if t.res = t.res.Minus(done); t.res.IsEmpty() {
		delete(p.tasks, t.name)
	}
	return p.target.RecoverResources(p.Now, t.framework, t.agent, done, filter, true)
}

func (p *Player) doAvailable(w words) error {
	conv, err := Operations(w.named["ops"], "")
	if err == nil {
		err = p.target.UpdateAvailable(w.arg(0), conv)
	}
	answer := "ok"
	if err != nil {
		answer = "refused"
	}
	p.answers = append(p.answers, fmt.Sprintf(`{"available":%q}`, answer))
	return nil
}

// first returns the open offers of a framework (and role) and how many of them
// a command is about.
func (p *Player) first(w words) ([]*offer, int, error) {
	offers := p.sortedOffers(func(o *offer) bool {
		return o.framework == w.arg(0) && (!has(w.named, "role") || o.role == w.named["role"])
	})
	n := len(offers)
	if text, ok := w.named["max"]; ok {
		most, err := strconv.Atoi(text)
		if err != nil {
			return nil, 0, err
		}
		n = min(n, most)
	}
	return offers, n, nil
}

func (p *Player) doDeclineAll(w words) error {
	filter, err := filterOf(w, defaultFilter())
	if err != nil {
		return err
	}
	offers, n, err := p.first(w)
	if err != nil {
		return err
	}
	for _, o := range offers[:n] {
		if err := p.decline(o, filter); err != nil {
			return err
		}
	}
	return nil
}

func (p *Player) doAcceptAll(w words) error {
	filter, err := filterOf(w, defaultFilter())
	if err != nil {
		return err
	}
	offers, n, err := p.first(w)
	if err != nil {
		return err
	}
	for _, o := range offers {
		res := o.res
		if text, ok := w.named["each"]; ok {
			each, err := notation.Parse(text)
			if err != nil {
				return err
			}
			res = each.Allocate(o.role)
		}
		if n == 0 || !o.res.Contains(res) {
			if err := p.decline(o, filter); err != nil {
				return err
			}
			continue
		}
		n--
		if err := p.accept(o, nil, []launch{{"", res}}, filter); err != nil {
			return err
		}
	}
	return nil
}

func (p *Player) doFinishAll(w words) error {
	tasks := p.sortedTasks(func(t *task) bool { return t.framework == w.arg(0) })
	n := len(tasks)
	if text, ok := w.named["max"]; ok {
		most, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		n = min(n, most)
	}
	for _, t := range tasks[:n] {
		if err := p.finish(t, t.res, nil); err != nil {
			return err
		}
	}
	return nil
}
