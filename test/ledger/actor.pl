#!/usr/bin/perl
# What an `exec` task of the ledger runs: one run, begun and ended at the register of ../testbed/register.mjs, in a few ms.
#   actor.pl SOCKET MS
# It prints its own name as the result, so that the record of the task can be held against the register. A run that the
# register refuses fails: somebody newer has the key.
use strict;
use warnings;
use Socket;
use IO::Handle;
use Time::HiRes qw(clock_gettime sleep CLOCK_MONOTONIC);

my ($path, $ms) = @ARGV;
socket(my $register, PF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
connect($register, sockaddr_un($path)) or die "the register at $path: $!";
$register->autoflush(1);

my $run = "$ENV{ROUNDTABLE_TASK_NODE}-$$-" . int(clock_gettime(CLOCK_MONOTONIC) * 1e6);
my $who = join ',', qq("run":"$run","attempt":$ENV{ROUNDTABLE_TASK_ATTEMPT},"pid":$$), map { qq("$_->[0]":"$ENV{$_->[1]}") }
  ['key', 'ROUNDTABLE_TASK_KEY'], ['token', 'ROUNDTABLE_TASK_TOKEN'],
  ['node', 'ROUNDTABLE_TASK_NODE'], ['task', 'ROUNDTABLE_TASK_ID'];

sub said {
  my $at = clock_gettime(CLOCK_MONOTONIC) * 1000;
  print {$register} qq({"event":"$_[0]","at":$at,$who}\n) or die "the register: $!";
  my $answer = <$register> // die "the register hung up";
  return $answer =~ /"accepted":true/;
}

said('start') or die "refused at its start\n";
sleep($ms / 1000);
said('stop') or die "refused at its end\n";
shutdown($register, 1);
1 while sysread($register, my $rest, 65536);
print qq({"run":"$run"});
