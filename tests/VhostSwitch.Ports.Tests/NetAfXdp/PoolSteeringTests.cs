using VhostSwitch.Linux;
using VhostSwitch.Packets;
using VhostSwitch.Ports.NetAfXdp;

namespace VhostSwitch.Ports.Tests.NetAfXdp;

public sealed class PoolSteeringTests
{
    [Fact]
    public void EachPoolHasAQueueWhileThereAreEnough()
    {
        var nic = new SortingInterface();
        var steering = Steering(nic);
        Assert.Equal(new Steering(true, "eth1 sorts for 0 of 0 pools into 2 queues"), steering.Follow([]));
        Assert.Equal(new Steering(true, "eth1 sorts for 3 of 3 pools into 2 queues"), steering.Follow([Pool(0), Pool(1), Pool(2)]));
        // The port's two queues are those of number 1 and 2 of the interface.
        Assert.Equal(
            [new("020000000000", 1000, 1), new("020000000001", 1001, 2), new("020000000002", 1002, 1)], nic.Rules.Values.OrderBy(rule => rule.Vlan));
    }

    [Fact]
    public void ADeviceThatGoesTakesItsRuleWithItAndLeavesItsQueueToTheNext()
    {
        var nic = new SortingInterface();
        var steering = Steering(nic);
        steering.Follow([Pool(0), Pool(1)]);
        steering.Follow([Pool(1)]);
        Assert.Equal(1001, Assert.Single(nic.Rules.Values).Vlan);
        steering.Follow([Pool(1), Pool(5)]);
        Assert.Equal([2, 1], nic.Rules.Values.OrderBy(rule => rule.Vlan).Select(rule => rule.Queue));
        // What stays is not made anew: its frames never miss their rule.
        Assert.Equal([8u, 9u], nic.Rules.Keys.Order());
        steering.Clear();
        Assert.Empty(nic.Rules);
    }

    [Fact]
    public void WhereARuleIsRefusedTheRestIsForSoftwareUntilThereIsRoom()
    {
        var nic = new SortingInterface { Room = 2 };
        var steering = Steering(nic);
        Assert.Equal(
            new Steering(false, "eth1 sorts for 2 of 3 pools into 2 queues; eth1 has no room for another rule; ethtool -n eth1 shows those it has"),
            steering.Follow([Pool(0), Pool(1), Pool(2)]));
        Assert.True(steering.Follow([Pool(1), Pool(2)]).ByHardware);
        Assert.Equal([1001, 1002], nic.Rules.Values.Select(rule => rule.Vlan).Order());
    }

    [Fact]
    public void AnInterfaceWithoutRulesIsNotAskedForOne()
    {
        var nic = new SortingInterface { Sorts = false };
        Assert.Equal(new Steering(false, "eth1 cannot sort frames into queues; try ethtool -K eth1 ntuple on"), Steering(nic).Follow([Pool(0)]));
    }

    [Fact]
    public void OneQueueNeedsNoSorting()
    {
        var nic = new SortingInterface { Queues = 1 };
        Assert.Equal(new Steering(false, "eth1 has one queue, so there is nothing to sort"), Steering(nic).Follow([Pool(0)]));
        Assert.Empty(nic.Rules);
    }

    private static PoolSteering Steering(IEthtool nic) => new(new Ethtool(nic), "eth1", firstQueue: 1, queueCount: 2);

    private static Pool Pool(int device) => new(MacAddress.Parse($"02:00:00:00:00:{device:x2}"), (ushort)(1000 + device));
}
