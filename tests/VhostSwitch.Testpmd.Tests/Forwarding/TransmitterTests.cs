using VhostSwitch.Dataplane;
using VhostSwitch.Testpmd.Modes;
using VhostSwitch.TestContent;

namespace VhostSwitch.Testpmd.Tests.Forwarding;

public sealed class TransmitterTests
{
    [Fact]
    public void WhatFindsNoRoomIsDroppedAtOnceWithoutRetry()
    {
        using var rig = new StreamRig(Frames.Many(20), freed: 100);
        rig.Output.Room = 5;
        Assert.Equal(5, rig.Run(new IoMode()).Count);
        Assert.Equal((20UL, 5UL, 15UL), (rig.Stream.Counters.Received, rig.Stream.Counters.Sent, rig.Stream.Counters.Dropped));
    }

    [Fact]
    public void RetriesSendTheRestInOrder()
    {
        byte[][] frames = Frames.Many(20);
        using var rig = new StreamRig(frames, retry: new RetryPolicy(64, 1), freed: 3);
        rig.Output.Room = 5;
        Assert.Equal(frames, rig.Run(new IoMode()));
        Assert.Equal((20UL, 0UL), (rig.Stream.Counters.Sent, rig.Stream.Counters.Dropped));
        Assert.Equal([20, 15, 12, 9, 6, 3], rig.Output.Offered);
    }

    [Fact]
    public void RetriesEnd()
    {
        using var rig = new StreamRig(Frames.Many(8), retry: new RetryPolicy(3, 0));
        rig.Output.Room = 2;
        rig.Run(new IoMode());
        Assert.Equal([8, 6, 6, 6], rig.Output.Offered);
        Assert.Equal(6UL, rig.Stream.Counters.Dropped);
    }

    [Fact]
    public void ASmallBurstIsOfferedInGroups()
    {
        using var rig = new StreamRig(Frames.Many(10), burst: 4);
        rig.Run(new IoMode());
        Assert.Equal([4, 4, 2], rig.Output.Offered);
        Assert.Equal(10UL, rig.Stream.Counters.Sent);
    }

    [Fact]
    public void ALargeBurstIsSeveralLoansInOneTurn()
    {
        using var rig = new StreamRig(Frames.Many(100), burst: 64);
        Assert.True(new IoMode().Turn(rig.Stream, rig.Workspace));
        Assert.Equal(64, rig.Output.Frames.Count);
    }

    [Fact]
    public void AFrameThatIsNoneIsCountedAndNotForwarded()
    {
        byte[][] frames = [Frames.Udp(), new byte[9], Frames.Tcp()];
        using var rig = new StreamRig(frames);
        Assert.Equal([frames[0], frames[2]], rig.Run(new IoMode()));
        Assert.Equal((3UL, 1UL, 2UL), (rig.InputCounters.Frames, rig.InputCounters.Drops(DropReason.Runt), rig.Stream.Counters.Received));
    }

    /// <summary>A large segment for a port that takes none is cut here; a frame before it and one behind keep their places.</summary>
    [Fact]
    public void WhatThePortDoesNotTakeIsFinishedInOrder()
    {
        byte[] large = Frames.Tcp(payload: 3000);
        using var rig = new StreamRig([large, large], offload: Frames.Segments(1000));
        var sent = rig.Run(new IoMode());
        Assert.Equal(6, sent.Count);
        Assert.All(sent, frame => Assert.Equal(1054, frame.Length));
        Assert.All(sent, frame => Assert.True(Frames.ChecksumsAreRight(frame)));
        Assert.All(rig.Output.Offloads, fields => Assert.True(Offloads.IsFinished(fields)));
        Assert.Equal((2UL, 2UL, 6UL), (rig.Stream.Counters.Received, rig.Stream.Counters.Sent, rig.OutputCounters.Frames));
    }

    [Fact]
    public void WhatThePortTakesIsLeftToIt()
    {
        using var rig = new StreamRig([Frames.Tcp(payload: 3000)], offload: Frames.Segments(1000), takes: OffloadKinds.All);
        Assert.Equal(3054, Assert.Single(rig.Run(new IoMode())).Length);
        Assert.Equal(OffloadFields.GsoTcpV4, Assert.Single(rig.Output.Offloads).GsoType);
    }

    [Fact]
    public void AStreamWithoutATransmitQueueDrops()
    {
        using var rig = new StreamRig(Frames.Many(7));
        var stream = new VhostSwitch.Testpmd.Forwarding.FrameStream(rig.Stream.RxPort, rig.Stream.RxPort, 0);
        stream.FindQueues();
        new IoMode().Turn(stream, rig.Workspace);
        Assert.Equal((7UL, 0UL, 7UL), (stream.Counters.Received, stream.Counters.Sent, stream.Counters.Dropped));
    }
}
