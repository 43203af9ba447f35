using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Dataplane.Tests;

/// <summary>Queues are spread over the poll threads by what they carry.</summary>
public sealed unsafe class BalanceTests
{
    [Fact]
    public void TheLoadedQueuesGoToDifferentThreads()
    {
        using var rig = new Rig(_ => 4, ports: 5, threads: 2);
        var inputs = Enumerable.Range(0, 4).Select(i => rig.Input(i, new FakeInput())).ToArray();
        // Two queues a thread, by number. Those of one thread carry everything.
        rig.Plane.Balance();
        var loaded = inputs.Where(q => rig.Plane.OwnerOf(q) == rig.Plane.OwnerOf(inputs[0])).ToArray();
        Assert.Equal(2, loaded.Length);
        foreach (var queue in loaded)
            rig.Run(queue, 1000);
        Assert.Equal(1, rig.Plane.Balance());
        Assert.NotEqual(rig.Plane.OwnerOf(loaded[0]), rig.Plane.OwnerOf(loaded[1]));
        // The queue still brings its frames, from its new thread.
        foreach (var queue in inputs)
            rig.Run(queue, 100);
    }

    [Fact]
    public void OneLoadedQueueStaysWhereItIs()
    {
        using var rig = new Rig(_ => 2, ports: 3, threads: 2);
        var busy = rig.Input(0, new FakeInput());
        rig.Input(1, new FakeInput());
        rig.Plane.Balance();
        var owner = rig.Plane.OwnerOf(busy);
        rig.Run(busy, 10_000);
        Assert.Equal(0, rig.Plane.Balance());
        Assert.Same(owner, rig.Plane.OwnerOf(busy));
    }

    [Fact]
    public void AQueueThatComesGoesToTheThreadWithLessToDo()
    {
        using var rig = new Rig(_ => 3, ports: 4, threads: 2);
        var busy = rig.Input(0, new FakeInput());
        rig.Input(1, new FakeInput());
        rig.Plane.Balance();
        rig.Run(busy, 10_000);
        rig.Plane.Balance();
        var next = rig.Input(2, new FakeInput());
        Assert.NotEqual(rig.Plane.OwnerOf(busy), rig.Plane.OwnerOf(next));
        var third = rig.Input(3, new FakeInput());
        Assert.NotEqual(rig.Plane.OwnerOf(busy), rig.Plane.OwnerOf(third));
    }

    [Fact]
    public void QueuesThatAreLeftAreSpreadWhenOthersGo()
    {
        using var rig = new Rig(_ => 5, ports: 6, threads: 2);
        var inputs = Enumerable.Range(0, 4).Select(i => rig.Input(i, new FakeInput())).ToArray();
        rig.Plane.Balance();
        var left = inputs.Where(q => rig.Plane.OwnerOf(q) == rig.Plane.OwnerOf(inputs[0])).ToArray();
        foreach (var queue in inputs.Except(left))
            rig.Plane.SetQueues(rig.Ports[Array.IndexOf(inputs, queue)], [], []);
        Assert.Equal(1, rig.Plane.Balance());
        Assert.NotEqual(rig.Plane.OwnerOf(left[0]), rig.Plane.OwnerOf(left[1]));
    }

    /// <summary>A queue belongs to one thread at any time, however often it moves, and loses no frame.</summary>
    [Fact]
    public void MovesUnderLoadLoseNothing()
    {
        using var rig = new Rig(_ => 4, ports: 5, threads: 2, idle: IdlePolicy.Busy);
        var output = rig.Output(4, new FakeOutput());
        var inputs = Enumerable.Range(0, 4).Select(i => rig.Input(i, new FakeInput { Endless = true, BurstSize = (i * 3) + 1 })).ToArray();
        int moves = 0, turn = 0;
        Until.True(
            () =>
            {
                // A queue that goes and comes back changes the load of its thread, and with it what the best move is.
                int i = turn++ % inputs.Length;
                rig.Plane.SetQueues(rig.Ports[i], [], []);
                moves += rig.Plane.Balance();
                rig.Plane.SetQueues(rig.Ports[i], [inputs[i]], []);
                moves += rig.Plane.Balance();
                return moves >= 10;
            },
            "10 moves");
        foreach (var port in rig.Ports.Take(4))
            rig.Plane.SetQueues(port, [], []);
        ulong sent = inputs.Aggregate(0UL, (sum, queue) => sum + queue.Counters->Frames);
        Assert.Equal(sent, (ulong)output.Count);
    }
}
