// Package notation reads and writes the short text form of resources in which histories of
// allocation are kept and in which tests are best read:
//
//	cpus:1.5;mem(s:a):512;ports:[31000-31009];nics:{e0,e1}
//	disk(s:a,d:a/x!ops){mount=/m1,vol=v1@data,shared}:100
//
// An entry is NAME, then optionally (RESERVATIONS), then optionally {FLAGS}, then a colon and the
// value: a number, [ranges] or {a set}. Reservations are a stack from outermost to innermost, s:ROLE
// static, d:ROLE dynamic, each with an optional !PRINCIPAL. Flags are
//
//	mount=ROOT path=ROOT raw block   type of the disk source; mount and path may lack the root
//	id=ID profile=P                  of the disk source
//	vol=ID@PATH volprincipal=P       persistent volume mounted read-write at PATH
//	rev shared
//
// The form has no escapes. Labels, resource providers, vendors and allocation roles cannot be said in
// it: Format leaves them out. It is not the syntax of agent flags, which resource.Parse reads.
package notation
