package replay

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A request is sent as it was recorded, except that ids are those of the live
// cluster, and that what the recording machine had in its file system is
// replaced by something that this one has.

var (
	offerObject   = regexp.MustCompile(`\{\s*"value"\s*:\s*"(` + uuidPattern + `-O\d+)"\s*\}`)
	anyOffer      = regexp.MustCompile(uuidPattern + `-O\d+`)
	commaAtEnd    = regexp.MustCompile(`,\s*\]`)
	commaAtStart  = regexp.MustCompile(`\[\s*,`)
	commaDoubled  = regexp.MustCompile(`,\s*,`)
	customProgram = regexp.MustCompile(`python3 /srv/mesos/g/exec\.py \w+`)
	fetchedFile   = regexp.MustCompile(`/srv/mesos/g/[\w.-]+`)
)

// rewrite makes the request to send. offers holds, for each recorded offer id
// that is known, the live ones that stand for it.
func rewrite(e *Exchange, address string, ids *Ids, offers map[string][]string, files localFiles) Message {
	m := Message{Line: ids.Replace(e.Request.Line)}
	m.Body = rewriteBody(e, ids, offers, files)
	for _, h := range e.Request.Headers {
		switch {
		case strings.EqualFold(h[0], "Host"):
			h[1] = address
		case strings.EqualFold(h[0], "Content-Length"):
			h[1] = fmt.Sprint(len(m.Body))
		case h[0] == guessedDate:
			continue
		default:
			h[1] = ids.Replace(h[1])
		}
		m.Headers = append(m.Headers, h)
	}
	return m
}

// localFiles says what stands here for files of the recording machine.
type localFiles struct {
	// executor is a command that plays a custom executor, for which the runner speaks.
	executor string
	// fetched is a file that tasks may fetch.
	fetched string
}

func (f localFiles) replace(text string) string {
	text = customProgram.ReplaceAllString(text, f.executor)
	return fetchedFile.ReplaceAllString(text, f.fetched)
}

func rewriteBody(e *Exchange, ids *Ids, offers map[string][]string, files localFiles) []byte {
	if len(e.Request.Body) == 0 {
		return nil
	}
	if e.Request.Header("Content-Type") == "application/x-protobuf" {
		m := apiOf(e.Request.Path(), e.toAgent()).call()
		if m == nil || (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(e.Request.Body, m) != nil {
			return e.Request.Body
		}
		if !rewriteMessage(m.ProtoReflect(), ids, offers, files) {
			return e.Request.Body // byte for byte, should it hold anything odd
		}
		data, err := (proto.MarshalOptions{AllowPartial: true, Deterministic: true}).Marshal(m)
		if err != nil {
			return e.Request.Body
		}
		return data
	}
	text := rewriteOffers(string(e.Request.Body), offers)
	if strings.Contains(text, `"LAUNCH_GROUP"`) {
		text = shortSleep.ReplaceAllStringFunc(text, sleepLonger)
	}
	return []byte(files.replace(ids.Replace(text)))
}

// shortSleep is a command of a task that ends by itself.
var shortSleep = regexp.MustCompile(`"sleep \d\b`)

// sleepLonger lets it end when it did in the recording: Mesos takes about a second to start
// the executor of a group.
func sleepLonger(command string) string {
	seconds := command[len(command)-1]
	return command[:len(command)-1] + fmt.Sprint(int(seconds-'0')+1)
}

// rewriteOffers puts the live offers in the place of the recorded ones. There may be more of them, or
// fewer.
func rewriteOffers(text string, offers map[string][]string) string {
	dropped := false
	text = offerObject.ReplaceAllStringFunc(text, func(object string) string {
		live, known := offers[offerObject.FindStringSubmatch(object)[1]]
		if !known {
			return object
		}
		dropped = dropped || len(live) == 0
		objects := make([]string, len(live))
		for i, l := range live {
			objects[i] = `{"value": "` + l + `"}`
		}
		return strings.Join(objects, ", ")
	})
	if dropped {
		text = commaDoubled.ReplaceAllString(text, ",")
		text = commaAtStart.ReplaceAllString(text, "[")
		text = commaAtEnd.ReplaceAllString(text, "]")
	}
	return text
}

// rewriteMessage does the same to a protobuf message and tells whether it
// changed anything.
func rewriteMessage(m protoreflect.Message, ids *Ids, offers map[string][]string, files localFiles) bool {
	changed := false
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsList() && (f.Name() == "offer_ids" || f.Name() == "inverse_offer_ids"):
			changed = rewriteOfferList(v.List(), offers) || changed
		case f.IsList():
			for i := range v.List().Len() {
				if nv, ok := rewriteScalar(f, v.List().Get(i), ids, offers, files); ok {
					changed = true
					if nv.IsValid() {
						v.List().Set(i, nv)
					}
				}
			}
		case f.IsMap():
		default:
			if nv, ok := rewriteScalar(f, v, ids, offers, files); ok {
				changed = true
				if nv.IsValid() {
					m.Set(f, nv)
				}
			}
		}
		return true
	})
	return changed
}

// rewriteScalar gives the new value, or an invalid one for a message changed in
// place; ok if there was a change.
func rewriteScalar(f protoreflect.FieldDescriptor, v protoreflect.Value, ids *Ids, offers map[string][]string, files localFiles) (protoreflect.Value, bool) {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return protoreflect.Value{}, rewriteMessage(v.Message(), ids, offers, files)
	case protoreflect.StringKind:
		if text := files.replace(ids.Replace(v.String())); text != v.String() {
			return protoreflect.ValueOfString(text), true
		}
	case protoreflect.BytesKind:
		if live, ok := ids.Live(base64.StdEncoding.EncodeToString(v.Bytes())); ok {
			if data, err := base64.StdEncoding.DecodeString(live); err == nil {
				return protoreflect.ValueOfBytes(data), true
			}
		}
	}
	return protoreflect.Value{}, false
}

func rewriteOfferList(list protoreflect.List, offers map[string][]string) bool {
	var live []string
	changed := false
	for i := range list.Len() {
		m := list.Get(i).Message()
		id := m.Get(m.Descriptor().Fields().ByName("value")).String()
		if l, ok := offers[id]; ok {
			live, changed = append(live, l...), true
		} else {
			live = append(live, id)
		}
	}
	if !changed {
		return false
	}
	list.Truncate(0)
	for _, id := range live {
		e := list.NewElement()
		e.Message().Set(e.Message().Descriptor().Fields().ByName("value"), protoreflect.ValueOfString(id))
		list.Append(e)
	}
	return true
}
