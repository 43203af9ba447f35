using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Dataplane.Tests;

/// <summary>A change is complete when the call returns: no poll thread uses what was taken away.</summary>
public sealed class ChangeTests
{
    private const int Rounds = 200;

    [Theory]
    [InlineData(1, IdlePolicy.Busy)]
    [InlineData(2, IdlePolicy.Busy)]
    [InlineData(2, IdlePolicy.Adaptive)]
    public void NoQueueIsUsedAfterItWasReplaced(int threads, IdlePolicy idle)
    {
        using var rig = new Rig(token => token % 3 == 0 ? Frame.Flood : (ushort)1, ports: 2, threads: threads, idle: idle);
        rig.Input(1, new FakeInput { Endless = true, BurstSize = 4, KeepsDecisionsOpen = true });
        for (int round = 0; round < Rounds; round++)
        {
            var oldInputs = rig.Ports[0].Inputs.ToArray().Cast<FakeInput>().ToArray();
            var oldOutputs = rig.Ports[1].Outputs.ToArray().Cast<FakeOutput>().ToArray();
            var input = new FakeInput { Endless = true, BurstSize = 1 + (round % 32), KeepsDecisionsOpen = round % 2 == 0 };
            var output = new FakeOutput { KeepsDecisionsOpen = round % 3 != 0 };
            rig.Inputs.Add(input);
            rig.Outputs.Add(output);
            rig.Plane.SetQueues(rig.Ports[0], [input], []);
            rig.Plane.SetQueues(rig.Ports[1], rig.Ports[1].Inputs.ToArray(), [output]);
            Array.ForEach(oldInputs, q => q.Retired = true);
            Array.ForEach(oldOutputs, q => q.Retired = true);
            Until.True(() => Volatile.Read(ref input.Returned) > 0, "a burst from the new queue");
        }
    }

    [Fact]
    public void NoQueueIsUsedAfterItsPortWasDetached()
    {
        using var rig = new Rig(_ => Frame.Flood, ports: 2, threads: 2);
        rig.Input(0, new FakeInput { Endless = true, KeepsDecisionsOpen = true });
        for (int round = 0; round < Rounds; round++)
        {
            var port = new Port("coming and going");
            rig.Plane.Attach(port);
            var input = new FakeInput { Endless = true, KeepsDecisionsOpen = true };
            var output = new FakeOutput { KeepsDecisionsOpen = true };
            rig.Inputs.Add(input);
            rig.Outputs.Add(output);
            rig.Plane.SetQueues(port, [input], [output]);
            Until.True(() => Volatile.Read(ref output.Count) > 0 && Volatile.Read(ref input.Returned) > 0, "frames both ways");
            rig.Forwarder.OnForget = _ => input.Retired = output.Retired = true;
            rig.Plane.Detach(port);
            Assert.True(input.Retired);
            Assert.Equal(port.Id, rig.Forwarder.Forgotten[^1]);
        }
    }

    [Fact]
    public void ASleepingThreadTakesOverAChangeAtOnce()
    {
        using var rig = new Rig(_ => 1, ports: 2);
        var input = rig.Input(0, new FakeInput());
        for (int round = 0; round < 20; round++)
        {
            Until.True(() => rig.Plane.Threads[0].IsSleeping, "a sleeping thread");
            rig.Plane.SetQueues(rig.Ports[0], [], []);
            input.Retired = true;
            input = new FakeInput();
            rig.Inputs.Add(input);
            rig.Plane.SetQueues(rig.Ports[0], [input], []);
        }
    }

    [Fact]
    public void APortGetsTheLowestFreeId()
    {
        using var rig = new Rig(_ => 1, ports: 3);
        rig.Plane.Detach(rig.Ports[1]);
        var port = new Port("next");
        rig.Plane.Attach(port);
        Assert.Equal(1, port.Id);
        Assert.Same(port, rig.Plane.Topology.Find(1));
        rig.Ports[1] = port;
    }

    [Fact]
    public void ThereIsAMostOfPorts()
    {
        using var rig = new Rig(_ => 1, ports: 0);
        for (int i = 0; i < Topology.MaxPorts; i++)
            rig.Plane.Attach(new Port($"{i}"));
        Assert.Contains("are the most", Assert.Throws<InvalidOperationException>(() => rig.Plane.Attach(new Port("one more"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void QueuesAreSpreadOverTheThreads()
    {
        using var rig = new Rig(_ => 1, ports: 2, threads: 2);
        for (int i = 0; i < 6; i++)
            rig.Input(i % 2, new FakeInput(i));
        Assert.Equal([3, 3], rig.Plane.Threads.Select(t => t.Inputs.Length));
        Assert.All(rig.Inputs, q => Assert.NotNull(rig.Plane.OwnerOf(q)));
    }
}
