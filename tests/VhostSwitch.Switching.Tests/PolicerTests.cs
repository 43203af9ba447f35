using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Switching.Tests;

public sealed unsafe class PolicerTests
{
    private static readonly MacAddress A = MacAddress.Parse("02:00:00:00:00:0a");
    private static readonly MacAddress B = MacAddress.Parse("02:00:00:00:00:0b");

    /// <summary>46 bytes behind the header: 1000 bytes hold 21 of them.</summary>
    [Fact]
    public void FramesPassAsLongAsTheBucketHasTokens()
    {
        var policer = new Policer(kbps: 8, burstKbit: 8);
        Assert.Equal(21, Passed(policer, 32, TimeSpan.Zero));
        Assert.Equal(0, Passed(policer, 32, TimeSpan.Zero));
        // 1000 bytes a second, and 34 were left.
        Assert.Equal(11, Passed(policer, 32, TimeSpan.FromSeconds(0.48)));
        Assert.Equal(21, Passed(policer, 32, TimeSpan.FromSeconds(100)));
    }

    [Fact]
    public void WithoutABurstThereIsTheUsualOne()
    {
        var policer = new Policer(kbps: 1, burstKbit: 0);
        int passed = 0;
        for (int i = 0; i < 1000; i++)
            passed += Passed(policer, 32, TimeSpan.Zero);
        Assert.Equal(1_000_000 / 46, passed);
    }

    [Fact]
    public void FramesThatWereDroppedBeforeDoNotCount()
    {
        var policer = new Policer(kbps: 8, burstKbit: 8);
        using var burst = Frames(32);
        for (int i = 0; i < 16; i++)
            burst.Set(i, Frame.DroppedFor(DropReason.Runt));
        policer.Police(burst.Burst, TimeSpan.Zero);
        Assert.Equal(16, Enumerable.Range(0, 32).Count(i => burst.Output(i) == Frame.Undecided));
    }

    [Fact]
    public void WhatIsTooMuchIsDroppedBeforeAnythingElse()
    {
        using var rig = new BridgeRig();
        rig.Have(BridgeRig.Port(1) with { Policer = new Policer(kbps: 1, burstKbit: 1) }, BridgeRig.Port(2));
        string[] left = [.. Enumerable.Range(0, 4).Select(_ => rig.Send(1))];
        Assert.Equal(["2:", "2:", "", ""], left);
        Assert.Equal(DropReason.Policed, rig.Dropped);
        Assert.Equal("1:", rig.Send(2));
    }

    [Fact]
    public void QueuesOnSeveralThreadsShareIt()
    {
        var policer = new Policer(kbps: 1, burstKbit: 8000);
        int passed = 0;
        Parallel.For(0, 4, _ =>
        {
            int mine = 0;
            for (int i = 0; i < 2000; i++)
                mine += Passed(policer, 32, TimeSpan.Zero);
            Interlocked.Add(ref passed, mine);
        });
        Assert.Equal(1_000_000 / 46, passed);
    }

    private static int Passed(Policer policer, int count, TimeSpan time)
    {
        using var burst = Frames(count);
        policer.Police(burst.Burst, time);
        return Enumerable.Range(0, count).Count(i => burst.Output(i) == Frame.Undecided);
    }

    private static BurstOf Frames(int count) => new([.. Enumerable.Repeat((B, A, 0), count)]);
}
