"""What is done with a job in each state. A step that is begun twice does its work once."""
