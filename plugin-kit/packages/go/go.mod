module arete

go 1.25

require (
	go.bytecodealliance.org/pkg v0.2.2
	wit_component v0.0.0
)
