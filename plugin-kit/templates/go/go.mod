module plugin-name

go 1.25

require arete v0.0.0

require (
	go.bytecodealliance.org/pkg v0.2.2 // indirect
	wit_component v0.0.0 // indirect
)

replace (
	// What providers share.
	arete => ./arete
	// The bindings of the contract: each build makes them.
	go.bytecodealliance.org/pkg => ./build/bindings/pkg
	wit_component => ./build/bindings
)
