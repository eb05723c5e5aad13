package platforms

var number int = Name
