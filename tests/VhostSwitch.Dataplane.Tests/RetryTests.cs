using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Dataplane.Tests;

public sealed unsafe class RetryTests
{
    [Fact]
    public void DropsAtOnceWithoutRetries()
    {
        using var rig = new Rig(_ => 1, ports: 2);
        var input = rig.Input(0, new FakeInput());
        var output = rig.Output(1, new FakeOutput { Room = 3 });
        rig.Run(input, 10);
        Assert.Equal(1, output.Calls);
        Assert.Equal(7ul, output.Drops(DropReason.ReceiverFull));
        Assert.Equal([0, 1, 2], output.Tokens);
    }

    [Fact]
    public void TriesAgainAsOftenAsItWasTold()
    {
        using var rig = new Rig(_ => 1, ports: 2, retry: new RetryPolicy(4, 1));
        var input = rig.Input(0, new FakeInput());
        var output = rig.Output(1, new FakeOutput { RefusedCalls = int.MaxValue });
        rig.Run(input, 10);
        Assert.Equal(5, output.Calls);
        Assert.Equal(10ul, output.Drops(DropReason.ReceiverFull));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(9)]
    public void APortMayBeTriedMoreOrLessOften(int retries)
    {
        using var rig = new Rig(_ => 1, ports: 2, retry: new RetryPolicy(4, 1));
        var input = rig.Input(0, new FakeInput());
        rig.Ports[1].Retries = retries;
        var output = rig.Output(1, new FakeOutput { RefusedCalls = int.MaxValue });
        rig.Run(input, 10);
        Assert.Equal(1 + retries, output.Calls);
        Assert.Equal((ulong)retries, output.Counters->Retries);
        Assert.Equal(10ul, output.Drops(DropReason.ReceiverFull));
        // While the queue is in use, too.
        rig.Ports[1].Retries = null;
        output.RefusedCalls = 0;
        rig.Run(input, 1);
        output.RefusedCalls = int.MaxValue;
        output.Calls = 0;
        rig.Run(input, 10);
        Assert.Equal(5, output.Calls);
    }

    [Fact]
    public void GoesOnWhereItStoppedAndInOrder()
    {
        using var rig = new Rig(_ => 1, ports: 2, retry: new RetryPolicy(4, 1));
        var input = rig.Input(0, new FakeInput());
        var output = rig.Output(1, new FakeOutput { RefusedCalls = 3 });
        rig.Run(input, 10);
        Assert.Equal(Enumerable.Range(0, 10).Select(i => (ushort)i), output.Tokens);
        Assert.Equal(0ul, output.Drops(DropReason.ReceiverFull));
    }

    [Fact]
    public void WaitsForAReceiverThatStandsStillOnlyOnce()
    {
        using var rig = new Rig(_ => 1, ports: 2, retry: new RetryPolicy(4, 1));
        var input = rig.Input(0, new FakeInput());
        var output = rig.Output(1, new FakeOutput { Room = 0 });
        rig.Run(input, 10);
        rig.Run(input, 10);
        rig.Run(input, 10);
        Assert.Equal(7, output.Calls);
        Assert.Equal(30ul, output.Drops(DropReason.ReceiverFull));
    }

    [Fact]
    public void WaitsAgainForAReceiverThatHasTakenSomething()
    {
        using var rig = new Rig(_ => 1, ports: 2, retry: new RetryPolicy(2, 1));
        var input = rig.Input(0, new FakeInput());
        var output = rig.Output(1, new FakeOutput { Room = 0 });
        rig.Run(input, 4);
        Volatile.Write(ref output.Room, 2);
        rig.Run(input, 4);
        Assert.Equal(3 + 3, output.Calls);
    }

    [Fact]
    public void TellsAReceiverOfWhatItHasBeforeItWaits()
    {
        using var rig = new Rig(_ => 1, ports: 2, retry: new RetryPolicy(1, 1));
        var input = rig.Input(0, new FakeInput());
        var output = rig.Output(1, new FakeOutput { Room = 4, KeepsDecisionsOpen = true });
        rig.Run(input, 8);
        Assert.False(output.NotificationOpen);
    }

    [Fact]
    public void OthersGetTheirFramesMeanwhile()
    {
        // Tokens in turn for a receiver that is full and for one that is not, by one sender; and another sender.
        using var rig = new Rig(token => (ushort)(2 + (token % 2)), ports: 4, retry: Patient);
        var one = rig.Input(0, new FakeInput());
        var two = rig.Input(1, new FakeInput());
        var full = rig.Output(2, new FakeOutput { Room = 0 });
        var free = rig.Output(3, new FakeOutput());
        rig.Lend(one, 64);
        rig.Lend(two, 64);
        Assert.Equal(64, Volatile.Read(ref free.Count));
        Assert.Equal(0, full.Count);
        Assert.Equal(1, rig.Plane.Threads[0].Waiting);
        Assert.Equal(32ul, one.Counters->Delivered);

        Volatile.Write(ref full.Room, int.MaxValue);
        rig.UntilNobodyWaits();
        Assert.Equal([.. Even(64), .. Even(64)], full.Tokens);
        Assert.Equal(64ul, one.Counters->Delivered);
        Assert.Equal(64ul, two.Counters->Delivered);
        Assert.Equal(0ul, full.Drops(DropReason.ReceiverFull));
        Assert.All(rig.Plane.Threads, t => Assert.Equal(0, t.AllocatedBytes));
    }

    [Fact]
    public void WhatComesLaterIsSentLater()
    {
        using var rig = new Rig(_ => 1, ports: 2, retry: Patient);
        var input = rig.Input(0, new FakeInput());
        var output = rig.Output(1, new FakeOutput { RefusedCalls = 1 });
        rig.Lend(input, 40);
        rig.Lend(input, 40);
        rig.UntilNobodyWaits();
        Assert.Equal(Enumerable.Range(0, 80).Select(i => (ushort)i), output.Tokens);
    }

    [Fact]
    public void TheSenderMayUseItsMemoryAgain()
    {
        // Each of its frames lies where the one before lay; every fourth is as long as frames get.
        static (byte[] Bytes, OffloadFields Offload) Content(ushort token) =>
            ([.. Enumerable.Repeat((byte)token, token % 4 == 3 ? 65_550 : 60 + token)], default);
        using var rig = new Rig(_ => 1, ports: 2, retry: Patient);
        var input = rig.Input(0, new FakeInput { Content = Content, BurstSize = 3 });
        var output = rig.Output(1, new FakeOutput { Contents = [], Room = 0 });
        // More than it takes, so that the room is full now and then, and used round and round.
        for (int taken = 0; taken < 400; taken += 20)
        {
            rig.Lend(input, 25);
            Volatile.Write(ref output.Room, 20);
            Until.True(() => Volatile.Read(ref output.Count) == taken + 20, "what there was room for is taken");
        }
        Volatile.Write(ref output.Room, int.MaxValue);
        rig.UntilNobodyWaits();
        Assert.InRange(output.Drops(DropReason.ReceiverFull), 1ul, 100ul);
        Assert.Equal(500ul, (ulong)output.Count + output.Drops(DropReason.ReceiverFull));
        Assert.All(output.Contents!.Zip(output.Tokens), sent => Assert.Equal(Content(sent.Second).Bytes, sent.First.Bytes));
    }

    [Fact]
    public void NoMoreWaitThanThereIsRoomFor()
    {
        using var rig = new Rig(_ => 1, ports: 2, retry: Patient);
        var input = rig.Input(0, new FakeInput());
        var output = rig.Output(1, new FakeOutput { Room = 0 });
        rig.Lend(input, 1000);
        Assert.Equal(1000ul - Places, output.Drops(DropReason.ReceiverFull));
        Volatile.Write(ref output.Room, int.MaxValue);
        rig.UntilNobodyWaits();
        Assert.Equal(Enumerable.Range(0, Places).Select(i => (ushort)i), output.Tokens);
        Assert.Equal((ulong)Places, input.Counters->Delivered);
    }

    [Fact]
    public void ManyReceiversAreWaitedForAndTheRestDropped()
    {
        const int receivers = 12, rooms = 8;
        using var rig = new Rig(token => (ushort)(1 + token), ports: 1 + receivers, retry: Patient);
        var input = rig.Input(0, new FakeInput());
        var outputs = Enumerable.Range(1, receivers).Select(port => rig.Output(port, new FakeOutput { Room = 0 })).ToList();
        rig.Lend(input, receivers);
        Assert.Equal(rooms, rig.Plane.Threads[0].Waiting);
        outputs.ForEach(o => Volatile.Write(ref o.Room, 1));
        rig.UntilNobodyWaits();
        Assert.Equal([.. Enumerable.Repeat(1, rooms), .. Enumerable.Repeat(0, receivers - rooms)], outputs.Select(o => o.Count));
        Assert.Equal([.. Enumerable.Repeat(0ul, rooms), .. Enumerable.Repeat(1ul, receivers - rooms)], outputs.Select(o => o.Drops(DropReason.ReceiverFull)));
    }

    [Fact]
    public void AReceiverThatIsTakenAwayIsNotWaitedFor()
    {
        using var rig = new Rig(_ => 1, ports: 2, retry: Patient);
        var input = rig.Input(0, new FakeInput());
        var output = rig.Output(1, new FakeOutput { Room = 0 });
        rig.Lend(input, 10);
        rig.Plane.SetQueues(rig.Ports[1], [], []);
        output.Retired = true;
        Assert.Equal(0, rig.Plane.Threads[0].Waiting);
        Assert.Equal(10ul, output.Drops(DropReason.ReceiverFull));
        Assert.Equal(0ul, input.Counters->Delivered);
        rig.Run(input, 10);
    }

    [Fact]
    public void AFloodedFrameCountsOnce()
    {
        using var rig = new Rig(_ => Frame.Flood, ports: 3, retry: Patient);
        var input = rig.Input(0, new FakeInput());
        var late = rig.Output(1, new FakeOutput { RefusedCalls = 2 });
        var prompt = rig.Output(2, new FakeOutput());
        rig.Run(input, 10);
        Assert.Equal(10, late.Count);
        Assert.Equal(10, prompt.Count);
        Assert.Equal(10ul, input.Counters->Delivered);
    }

    // How many frames wait for a receiver.
    private const int Places = 256;

    // More tries than a test makes.
    private static RetryPolicy Patient => new(int.MaxValue, 20);

    private static IEnumerable<ushort> Even(int below) => Enumerable.Range(0, below / 2).Select(i => (ushort)(2 * i));
}
