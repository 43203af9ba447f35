using VhostSwitch.Linux;
using VhostSwitch.Packets;
using VhostSwitch.Ports.NetAfXdp;

namespace VhostSwitch.Ports.Tests.NetAfXdp;

public sealed class FlowSteeringTests
{
    private static readonly MacAddress Address = MacAddress.Parse("02:00:00:00:00:17");

    [Fact]
    public void GivesTheRulesNumber()
    {
        var nic = new SortingInterface();
        Assert.Null(new FlowSteering(new Ethtool(nic)).TryAddMacVlanFilter("eth1", Address, 100, 3, out uint rule));
        Assert.Equal(new SortingInterface.Rule("020000000017", 100, 3), nic.Rules[rule]);
        Assert.Null(new FlowSteering(new Ethtool(nic)).RemoveFilter("eth1", rule));
        Assert.Empty(nic.Rules);
    }

    [Theory]
    [InlineData(Errno.EOPNOTSUPP, "eth1 cannot sort frames into queues; try ethtool -K eth1 ntuple on")]
    [InlineData(Errno.EINVAL, "eth1 cannot sort frames by address and VLAN id into queues; try ethtool -K eth1 ntuple on")]
    [InlineData(Errno.ENOSPC, "eth1 has no room for another rule; ethtool -n eth1 shows those it has")]
    [InlineData(Errno.EPERM, "no right to change eth1: CAP_NET_ADMIN is needed")]
    [InlineData(Errno.EBUSY, "eth1 refused the rule: Device or resource busy")]
    public void SaysWhyThereIsNoRule(int error, string sentence) =>
        Assert.Equal(sentence, new FlowSteering(new Ethtool(new SortingInterface { Error = error })).TryAddMacVlanFilter("eth1", Address, 100, 3, out _));

    [Theory]
    [InlineData(0, 3, "0 is no VLAN id")]
    [InlineData(4095, 3, "4095 is no VLAN id")]
    [InlineData(100, 4, "eth1 has 4 queues, so none of number 4")]
    public void RefusesWhatCannotBe(int vlan, int queue, string sentence) =>
        Assert.StartsWith(sentence, new FlowSteering(new Ethtool(new SortingInterface())).TryAddMacVlanFilter("eth1", Address, vlan, queue, out _),
            StringComparison.Ordinal);
}
