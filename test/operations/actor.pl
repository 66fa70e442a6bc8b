#!/usr/bin/perl
# What a task of the rolling restart runs: acts for so many ms and says so to the register of ../testbed/register.mjs, as
# its `act` does, but starts in a few ms, so that hundreds of short tasks do not load the machine that is measured.
#   actor.pl SOCKET MS [BEAT_MS]
use strict;
use warnings;
use Socket;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my ($path, $ms, $beat) = (@ARGV, 100);
my $stop = 0;
$SIG{TERM} = sub { $stop = 1 };
socket(my $register, PF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
connect($register, sockaddr_un($path)) or die "the register at $path: $!";

my $who = join ',', map { qq("$_->[0]":"$ENV{$_->[1]}") }
  ['key', 'ROUNDTABLE_TASK_KEY'], ['token', 'ROUNDTABLE_TASK_TOKEN'],
  ['node', 'ROUNDTABLE_TASK_NODE'], ['task', 'ROUNDTABLE_TASK_ID'];
sub say_event {
  my $line = qq({"event":"$_[0]",$who,"pid":$$}\n);
  syswrite($register, $line) == length $line or die "the register: $!";
}

my $end = clock_gettime(CLOCK_MONOTONIC) + $ms / 1000;
say_event('start');
while (!$stop) {
  my $left = $end - clock_gettime(CLOCK_MONOTONIC);
  last if $left <= 0;
  my $wait = $left < $beat / 1000 ? $left : $beat / 1000;
  my $ready = '';
  vec($ready, fileno($register), 1) = 1;
  # Answers are read so that none is left when it ends; whoever hung up is no register any more.
  if (select($ready, undef, undef, $wait) > 0) { sysread($register, my $answer, 65536) or die "the register hung up" }
  else { say_event('act') }
}
say_event('stop');
shutdown($register, 1);
1 while sysread($register, my $rest, 65536);
print qq({"ms":$ms}\n);
