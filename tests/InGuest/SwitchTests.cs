using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.InGuest;

/// <summary>The switch between interfaces of the guest's kernel.</summary>
public sealed class SwitchTests : InterfacePortTest
{
    private const int FileBytes = 4 << 20;

    [Fact]
    public async Task TapsReachEachOther()
    {
        const int pings = 50;
        NetworkNamespace hub = await MakeNamespaceAsync(), left = await MakeNamespaceAsync(), right = await MakeNamespaceAsync();
        SwitchProcess vhostSwitch = await StartSwitchAsync(new()
        {
            Sockets = [], Namespace = hub, Devices = ["net_tap0,iface=tapa", "net_tap1,iface=tapb"],
        });
        Station a = await Station.ByTapAsync(left, hub, "tapa", "10.0.0.1"), b = await Station.ByTapAsync(right, hub, "tapb", "10.0.0.2");
        await a.WaitForPingAsync(b.Address);
        Assert.Equal(pings, await a.PingAsync(b.Address, pings));
        await vhostSwitch.StopAsync();
    }

    /// <summary>VLAN interfaces of the kernel on both sides, with everything that it leaves undone in tagged frames.</summary>
    [Fact]
    public async Task VlanInterfacesReachEachOther()
    {
        NetworkNamespace hub = await MakeNamespaceAsync(), left = await MakeNamespaceAsync(), right = await MakeNamespaceAsync();
        Station a = await Station.ByVethAsync(left, hub, "p0", "10.0.0.1"), b = await Station.ByVethAsync(right, hub, "p1", "10.0.0.2");
        SwitchProcess vhostSwitch = await StartSwitchAsync(new()
        {
            Sockets = [], Namespace = hub, Devices = ["net_af_packet0,iface=p0", "net_af_packet1,iface=p1"],
        });
        foreach ((Station station, string address) in (IEnumerable<(Station, string)>)[(a, "10.9.0.1"), (b, "10.9.0.2")])
        {
            await station.Namespace.IpHereAsync($"link add link {station.Interface} name tagged type vlan id 1000");
            await station.Namespace.IpHereAsync($"addr add {address}/24 dev tagged");
            await station.Namespace.IpHereAsync("link set tagged up");
        }
        Station taggedA = new(a.Namespace, "tagged", "10.9.0.1"), taggedB = new(b.Namespace, "tagged", "10.9.0.2");
        await taggedA.WaitForPingAsync(taggedB.Address);
        await TransferAsync(taggedA, taggedB, FileBytes);
        SwitchStatus status = await vhostSwitch.StatusAsync();
        Assert.Contains(status.Addresses, address => address.Vlan == 1000);
        await vhostSwitch.StopAsync();
    }
}
