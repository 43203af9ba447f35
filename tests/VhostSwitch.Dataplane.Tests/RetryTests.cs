namespace VhostSwitch.Dataplane.Tests;

public sealed class RetryTests
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
}
