using VhostSwitch.Virtio.Split;

namespace VhostSwitch.Vhost.Tests.Net;

/// <summary>Where a ring goes on after a back-end died or a front-end lost track.</summary>
public sealed unsafe class ResynchronisationTests
{
    [Theory]
    [InlineData(0, 0, false)]
    [InlineData(100, 100, false)]
    [InlineData(100, 97, true)]
    [InlineData(0, 65535, true)]
    public void ARingGoesOnFromItsUsedIndex(ushort baseOfFrontEnd, ushort used, bool resynchronised)
    {
        using var rig = new RingRig();
        rig.Ring.StartAt(used);
        var ring = new SplitDeviceRing(rig.Ring.Descriptors, rig.Ring.Available, rig.Ring.Used, rig.Ring.Size, baseOfFrontEnd, false);
        Assert.Equal(resynchronised, ring.Resynchronised);
        Assert.Equal(used, ring.Base);
        Assert.Equal(0, ring.Available(32));
    }

    [Fact]
    public void ChainsThatWereTakenAndNeverReturnedAreTakenAgain()
    {
        using var rig = new RingRig();
        ulong at = rig.Allocate(72);
        for (ushort i = 0; i < 3; i++)
        {
            rig.Ring.Describe(i, at, 72);
            rig.Ring.Offer(i);
        }
        // A first queue dies over its loan.
        rig.Dequeue().Receive(rig.Burst);
        var second = rig.Dequeue();
        second.Receive(rig.Burst);
        Assert.Equal(3, rig.Burst.Count);
    }

    [Fact]
    public void TheBaseIsTheNextEntryToBeTaken()
    {
        using var rig = new RingRig(first: 65534);
        var queue = rig.Dequeue();
        ulong at = rig.Allocate(72);
        rig.Ring.Describe(0, at, 72);
        rig.Ring.Offer(0, 0, 0);
        queue.Receive(rig.Burst);
        Assert.Equal(65534u, queue.Base);
        queue.Return(rig.Burst);
        Assert.Equal(1u, queue.Base);
    }
}
