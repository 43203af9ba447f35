using VhostSwitch.Dataplane;
using VhostSwitch.Ports.NetRing;

namespace VhostSwitch.Ports.Tests.NetRing;

public sealed unsafe class RingQueueTests : IDisposable
{
    private readonly FrameRing _ring = new(new FrameMemory(0), FrameRing.LeastCapacity);
    private readonly CounterBlock _sent = new();
    private readonly CounterBlock _given = new();
    private readonly Burst _burst = new();
    private readonly RingOutput _output;
    private readonly RingInput _input;

    public RingQueueTests()
    {
        _output = new RingOutput(_ring, _sent);
        _input = new RingInput(_ring, _given);
    }

    [Fact]
    public void FramesArriveUnchangedAndInOrder()
    {
        byte[][] frames = [.. TestFrames.Many(20), TestFrames.Numbered(1, 65_553)];
        using var loan = new FrameLoan(frames);
        Assert.Equal(21, loan.SendBy(_output));
        Assert.All(Enumerable.Range(0, 21), i => Assert.True(loan.Burst.Frames[i].Delivered));
        Assert.True(_input.HasFrames());
        Assert.Equal(frames, Take());
        Assert.False(_input.HasFrames());
        Assert.Equal((21ul, (ulong)frames.Sum(f => f.Length), 1ul), (_sent.Counters->Frames, _sent.Counters->Bytes, _sent.Counters->Bursts));
    }

    [Fact]
    public void WhatIsLeftToBeDoneArrivesWithTheFrame()
    {
        using var loan = new FrameLoan(TestFrames.Numbered(1, 15), TestFrames.Numbered(2, 65_000));
        var offload = new OffloadFields { Flags = 1, GsoType = 4, HdrLen = 74, GsoSize = 1448, CsumStart = 34, CsumOffset = 16 };
        loan.Burst.Frames[1].Offload = offload;
        loan.Burst.Frames[0].Snapshot = loan.Burst.Frames[0].Snapshot;
        // Without it the data plane would finish the frame before.
        Assert.Equal(OffloadKinds.All, _output.Takes);
        Assert.Equal(2, loan.SendBy(_output));
        _input.Receive(_burst);
        Assert.Equal(default, _burst.Frames[0].Offload);
        Assert.Equal(offload, _burst.Frames[1].Offload);
        Assert.All(Enumerable.Range(0, 2), i =>
        {
            ref var frame = ref _burst.Frames[i];
            Assert.Equal(loan.Burst.Frames[i].Snapshot, frame.Snapshot);
            Assert.Equal(Frame.Undecided, frame.Output);
            Assert.False(frame.Delivered);
            Assert.Equal(0, frame.MoreSegments);
        });
    }

    [Fact]
    public void AFullRingTakesTheRestLater()
    {
        using var loan = new FrameLoan([.. Enumerable.Range(0, 10).Select(i => TestFrames.Numbered(i, 50_000))]);
        Assert.Equal(5, loan.SendBy(_output));
        Assert.False(loan.Burst.Frames[5].Delivered);
        Assert.Equal(0, loan.SendBy(_output));
        // Lent is not free yet.
        _input.Receive(_burst);
        Assert.Equal(0, loan.SendBy(_output));
        _input.Return(_burst);
        Assert.Equal(5, loan.SendBy(_output));
        Assert.Equal(10ul, _sent.Counters->Frames);
    }

    [Fact]
    public void ABurstIsNoLongerThanItMayBe()
    {
        for (int i = 0; i < 3; i++)
        {
            using var loan = new FrameLoan([.. Enumerable.Range(0, 20).Select(n => TestFrames.Numbered((20 * i) + n))]);
            loan.SendBy(_output);
        }
        Assert.Equal(Enumerable.Range(0, 32).Select(n => TestFrames.Numbered(n)), Take());
        Assert.Equal(Enumerable.Range(32, 28).Select(n => TestFrames.Numbered(n)), Take());
    }

    [Fact]
    public void TheDecisionToWakeStaysOpenUntilItIsTakenBehindAFence()
    {
        using var loan = new FrameLoan(TestFrames.Numbered(1));
        loan.SendBy(_output);
        Assert.True(_output.NotificationOpen);
        _output.DecideNotification();
        Assert.False(_output.NotificationOpen);
        Assert.Equal(0ul, _sent.Counters->Notifications);
        _input.EnableKicks();
        loan.SendBy(_output);
        Assert.False(_output.NotificationOpen);
        Assert.Equal(1ul, _sent.Counters->Notifications);
        loan.SendBy(_output);
        _input.EnableKicks();
        _output.DecideNotification();
        Assert.Equal(2ul, _sent.Counters->Notifications);
        _input.EnableKicks();
        _input.DisableKicks();
        loan.SendBy(_output);
        _output.DecideNotification();
        Assert.Equal(2ul, _sent.Counters->Notifications);
    }

    public void Dispose()
    {
        _burst.Dispose();
        _ring.Dispose();
        _sent.Dispose();
        _given.Dispose();
    }

    private List<byte[]> Take()
    {
        _input.Receive(_burst);
        List<byte[]> frames = [.. Enumerable.Range(0, _burst.Count).Select(i => FrameLoan.Bytes(_burst, i))];
        _input.Return(_burst);
        return frames;
    }
}
