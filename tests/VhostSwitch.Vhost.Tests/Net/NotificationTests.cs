using VhostSwitch.Dataplane;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.Vhost.Tests.Net;

/// <summary>The guest is notified exactly when the rule of the ring says so (VIRTIO 1.2, 2.7.7 and 2.7.10).</summary>
public sealed unsafe class NotificationTests
{
    public static TheoryData<bool> Directions => [true, false];

    [Theory]
    [MemberData(nameof(Directions))]
    public void TheFirstTimeIsAlwaysTold(bool toGuest)
    {
        foreach (var features in new[] { Features.Version1, Features.Version1 | Features.EventIdx })
        {
            using var rig = new Guest(toGuest, features);
            rig.Ring.AvailableFlags = SplitLayout.NoInterrupt;
            rig.Ring.UsedEvent = 0x7000;
            rig.Pass(1);
            Assert.Equal(1ul, rig.Calls);
            rig.Pass(1);
            rig.Queue.DecideNotification();
            Assert.Equal(0ul, rig.Calls);
        }
    }

    [Theory]
    [MemberData(nameof(Directions))]
    public void AFlagSuppressesAndTheDecisionIsTakenAgainBehindAFence(bool toGuest)
    {
        using var rig = new Guest(toGuest, Features.Version1);
        rig.Pass(1);
        Assert.Equal(1ul, rig.Calls);
        Assert.False(rig.Queue.NotificationOpen);
        rig.Ring.AvailableFlags = SplitLayout.NoInterrupt;
        rig.Pass(1);
        Assert.Equal(0ul, rig.Calls);
        Assert.True(rig.Queue.NotificationOpen);
        // The guest goes to sleep meanwhile: it must hear of what it has.
        rig.Ring.AvailableFlags = 0;
        rig.Queue.DecideNotification();
        Assert.Equal(1ul, rig.Calls);
        Assert.False(rig.Queue.NotificationOpen);
        rig.Queue.DecideNotification();
        Assert.Equal(0ul, rig.Calls);
    }

    [Theory]
    [MemberData(nameof(Directions))]
    public void NothingIsToldWhereNothingHappened(bool toGuest)
    {
        using var rig = new Guest(toGuest, Features.Version1);
        rig.Queue.DecideNotification();
        rig.Pass(0);
        rig.Queue.DecideNotification();
        Assert.Equal(0ul, rig.Calls);
        Assert.False(rig.Queue.NotificationOpen);
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 0)]
    [InlineData(true, 65500)]
    [InlineData(false, 65500)]
    public void AnEventIndexIsHeededAcrossTheWrap(bool toGuest, int first)
    {
        using var rig = new Guest(toGuest, Features.Version1 | Features.EventIdx, (ushort)first);
        rig.Pass(1);
        Assert.Equal(1ul, rig.Calls);
        int index = first + 1;
        var random = new Random(1);
        for (int round = 0; round < 500; round++)
        {
            int count = random.Next(1, 20);
            int wanted = index + random.Next(-30, 30);
            rig.Ring.UsedEvent = (ushort)wanted;
            rig.Pass(count);
            // The entry the guest wants to hear of is among those that are new since the last decision.
            bool expected = wanted >= index && wanted < index + count;
            index += count;
            Assert.Equal(expected, rig.Calls == 1);
            rig.Queue.DecideNotification();
            Assert.Equal(0ul, rig.Calls);
        }
    }

    [Fact]
    public void WithAnEventIndexTheFlagIsNotLookedAt()
    {
        using var rig = new Guest(toGuest: true, Features.Version1 | Features.EventIdx);
        rig.Pass(1);
        Assert.Equal(1ul, rig.Calls);
        rig.Ring.AvailableFlags = SplitLayout.NoInterrupt;
        rig.Ring.UsedEvent = 1;
        rig.Pass(1);
        Assert.Equal(1ul, rig.Calls);
    }

    [Fact]
    public void AQueueAsksForKicksByFlagWithoutAnEventIndex()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        Assert.Equal(SplitLayout.NoNotify, rig.Ring.UsedFlags);
        queue.EnableKicks();
        Assert.Equal(0, rig.Ring.UsedFlags);
        queue.DisableKicks();
        Assert.Equal(SplitLayout.NoNotify, rig.Ring.UsedFlags);
    }

    [Fact]
    public void AQueueAsksForKicksByIndexWithAnEventIndexAndLeavesTheFlagAlone()
    {
        using var rig = new RingRig(Features.Version1 | Features.EventIdx, first: 65535);
        var queue = rig.Dequeue();
        Assert.Equal(0, rig.Ring.UsedFlags);
        queue.EnableKicks();
        Assert.Equal(65535, rig.Ring.AvailEvent);
        rig.Ring.Describe(0, RingRig.HighStart, 72);
        rig.Ring.Offer(0, 0);
        queue.Receive(rig.Burst);
        queue.Return(rig.Burst);
        queue.DisableKicks();
        Assert.Equal(0, rig.Ring.UsedFlags);
        Assert.Equal(65535, rig.Ring.AvailEvent);
        queue.EnableKicks();
        Assert.Equal(1, rig.Ring.AvailEvent);
    }

    /// <summary>A ring of either direction, worked on in the same way.</summary>
    private sealed class Guest : IDisposable
    {
        private readonly RingRig _rig;
        private readonly bool _toGuest;
        private readonly ulong _frame;

        public Guest(bool toGuest, Features features, ushort first = 0)
        {
            _toGuest = toGuest;
            _rig = new RingRig(features, ring: toGuest ? 0 : 1, first: first);
            Queue = toGuest ? _rig.Enqueue() : _rig.Dequeue();
            _frame = _rig.Put(new byte[72]);
            ulong buffer = _rig.Allocate(2048);
            _rig.Ring.Describe(0, toGuest ? buffer : _frame, toGuest ? 2048u : 72u, toGuest ? Descriptor.Write : (ushort)0);
        }

        public Queue Queue { get; }

        public SplitRingWriter Ring => _rig.Ring;

        public ulong Calls => _rig.Calls;

        public void Pass(int count)
        {
            for (int i = 0; i < count; i++)
                _rig.Ring.Offer(0);
            _rig.Burst.Count = 0;
            if (!_toGuest)
            {
                ((InputQueue)Queue).Receive(_rig.Burst);
                Assert.Equal(count, _rig.Burst.Count);
                ((InputQueue)Queue).Return(_rig.Burst);
                return;
            }
            var which = stackalloc ushort[Burst.MaxFrames];
            for (ushort i = 0; i < count; i++)
            {
                Loan.Add(_rig.Burst, default, ((nuint)_rig.Memory.At(_frame), 60u));
                which[i] = i;
            }
            Assert.Equal(count, ((OutputQueue)Queue).Send(_rig.Burst, which, count));
        }

        public void Dispose() => _rig.Dispose();
    }
}
