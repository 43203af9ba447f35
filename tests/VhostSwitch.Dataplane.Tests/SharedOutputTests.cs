using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Dataplane.Tests;

/// <summary>Several poll threads send to one output.</summary>
public sealed class SharedOutputTests
{
    private const ulong Enough = 200_000;

    [Fact]
    public unsafe void OneThreadAtATimeUsesAnOutput()
    {
        using var rig = new Rig(_ => 2, ports: 3, threads: 2, idle: IdlePolicy.Busy);
        var first = rig.Input(0, new FakeInput { Endless = true, BurstSize = 3 });
        var second = rig.Input(1, new FakeInput { Endless = true, BurstSize = 5 });
        var output = rig.Output(2, new FakeOutput { KeepsDecisionsOpen = true });
        Until.True(() => first.Counters->Delivered > Enough && second.Counters->Delivered > Enough, "frames from both threads");
        Assert.Null(output.Violation);
    }

    [Fact]
    public unsafe void EveryFrameForAFullOutputIsCounted()
    {
        using var rig = new Rig(_ => 2, ports: 3, threads: 2, idle: IdlePolicy.Busy);
        var first = rig.Input(0, new FakeInput { Endless = true, BurstSize = 1 });
        var second = rig.Input(1, new FakeInput { Endless = true, BurstSize = 1 });
        var output = rig.Output(2, new FakeOutput { Room = 0 });
        Until.True(() => first.Counters->Frames > Enough && second.Counters->Frames > Enough, "frames from both threads");
        rig.Plane.SetQueues(rig.Ports[0], [], []);
        rig.Plane.SetQueues(rig.Ports[1], [], []);
        ulong sent = first.Counters->Frames + second.Counters->Frames;
        Assert.Equal(sent - first.Counters->Drops(DropReason.ReceiverDown) - second.Counters->Drops(DropReason.ReceiverDown), output.Drops(DropReason.ReceiverFull));
    }
}
