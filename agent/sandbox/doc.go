// Package sandbox makes and finds the directories that tasks live in, below an
// agent's work dir:
//
//	slaves/<agent>/frameworks/<framework>/executors/<executor>/runs/<container>
//	                                                          …/runs/latest -> <container>
//	…/runs/<container>/containers/<nested>      sandbox of a task group's member
//	containers/<container>                      sandbox of a standalone container
//	…/runs/<container>/tasks/<task> -> ../containers/<nested>
//
// What is inside a sandbox belongs to the task, which may put symbolic links
// anywhere. So the agent reaches it through os.Root only: no name that a task
// chose leads out.
package sandbox
