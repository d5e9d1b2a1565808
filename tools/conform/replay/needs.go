package replay

import (
	"encoding/base64"
	"regexp"
)

// needs is what a recorded scheduler call refers to and the live cluster must
// have said before the call can be made.
type needs struct {
	kind    string
	offers  []string // recorded ids of offers or inverse offers
	inverse bool
	role    string
	// The acknowledged update.
	uuid, subject, state string
	operation            bool
	agent                string
}

var (
	callType   = regexp.MustCompile(`"type": ?"([A-Z_]+)"`)
	stateAtEnd = regexp.MustCompile(`_(TASK_[A-Z]+(?:_BY_OPERATOR)?)$`)
)

// needsOf reads them from a call in either codec, and from one that is not
// even JSON as far as its text allows.
func needsOf(e *Exchange, p *past) needs {
	var n needs
	var tree any
	if e.Request.Header("Content-Type") == "application/x-protobuf" {
		tree, _ = parseProtobuf(e.Request.Body, schedulerAPI.call())
	} else {
		tree, _ = parseJSON(e.Request.Body)
	}
	if tree == nil {
		if m := callType.FindSubmatch(e.Request.Body); m != nil {
			n.kind = string(m[1])
		}
		n.offers = anyOffer.FindAllString(string(e.Request.Body), -1)
		return n
	}
	n.kind = textAt(tree, "type")
	switch n.kind {
	case "ACCEPT", "DECLINE":
		n.offers = idsIn(at(tree, map[string]string{"ACCEPT": "accept", "DECLINE": "decline"}[n.kind], "offer_ids"))
	case "ACCEPT_INVERSE_OFFERS", "DECLINE_INVERSE_OFFERS":
		n.inverse = true
		n.offers = idsIn(at(tree, map[string]string{"ACCEPT_INVERSE_OFFERS": "accept_inverse_offers", "DECLINE_INVERSE_OFFERS": "decline_inverse_offers"}[n.kind], "inverse_offer_ids"))
	case "ACKNOWLEDGE":
		a := at(tree, "acknowledge")
		n.uuid, n.subject, n.agent = textAt(a, "uuid"), textAt(a, "task_id", "value"), textAt(a, "agent_id", "value")
	case "ACKNOWLEDGE_OPERATION_STATUS":
		a := at(tree, "acknowledge_operation_status")
		n.uuid, n.subject, n.agent, n.operation = textAt(a, "uuid"), textAt(a, "operation_id", "value"), textAt(a, "agent_id", "value"), true
	}
	if data, err := base64.StdEncoding.DecodeString(n.uuid); err != nil || len(data) != 16 {
		n.uuid = "" // wrong on purpose
	}
	if u, ok := p.updates[n.uuid]; ok && u.subject == n.subject {
		n.state = u.state
	} else if m := stateAtEnd.FindStringSubmatch(e.Name); m != nil {
		n.state = m[1]
	}
	for _, id := range n.offers {
		if role := p.offerRole[id]; role != "" {
			n.role = role
		}
	}
	return n
}

// idsIn lists the values of a list of {value: id} that look like given ids.
func idsIn(list any) []string {
	var ids []string
	elements, _ := list.([]any)
	for _, e := range elements {
		if id := textAt(e, "value"); offerID.MatchString(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// wantedScalars is how much the recorded offers held together; nil if that is
// not known of each.
func wantedScalars(offers []string, p *past) map[string]float64 {
	sum := map[string]float64{}
	for _, id := range offers {
		s, ok := p.offers[id]
		if !ok {
			return nil
		}
		for name, v := range s {
			sum[name] += v
		}
	}
	return sum
}
