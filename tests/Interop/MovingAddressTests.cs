using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>A station that moves from one port of the bridge to another is found there from its first frame on.</summary>
public sealed class MovingAddressTests : InteropTest
{
    private const string Moving = "02:00:00:00:00:07";

    [Fact]
    public async Task FramesFollowAnAddressThatMoves()
    {
        NetworkNamespace inside = await MakeNamespaceAsync();
        NetworkNamespace[] stations = [await MakeNamespaceAsync(), await MakeNamespaceAsync(), await MakeNamespaceAsync()];
        for (int i = 0; i < stations.Length; i++)
        {
            await inside.ConnectAsync($"p{i}", stations[i], "wire");
            await stations[i].IpHereAsync($"addr add 10.0.0.{i + 1}/24 dev wire");
        }
        SwitchProcess vhostSwitch = await StartSwitchAsync(new()
        {
            Sockets = [Folder.File("s")], Namespace = inside, Devices = [.. Enumerable.Range(0, stations.Length).Select(i => $"net_af_packet{i},iface=p{i}")],
        });
        foreach (int at in (int[])[1, 2, 1])
        {
            int other = 3 - at;
            // Nobody tells the first station: its frames go where the switch has seen the address last.
            await stations[0].IpHereAsync($"neigh replace 10.0.0.{at + 1} lladdr {Moving} dev wire nud permanent");
            await stations[at].IpHereAsync($"link set dev wire address {Moving}");
            await stations[other].IpHereAsync($"link set dev wire address 02:00:00:00:00:0{other}");
            await stations[at].RunAsync("ping", "-c", "1", "-W", "5", "10.0.0.1");
            SwitchStatus status = await vhostSwitch.StatusAsync();
            Assert.Equal($"net_af_packet{at}", Assert.Single(status.Addresses, address => address.Mac == Moving).Port);
            await using WireCapture elsewhere = await WireCapture.StartAsync(stations[other], "wire", $"ether dst {Moving}");
            await using WireCapture here = await WireCapture.StartAsync(stations[at], "wire", $"ether dst {Moving}");
            await stations[0].RunAsync("ping", "-c", "5", "-i", "0.2", "-W", "5", $"10.0.0.{at + 1}");
            await here.WaitForAsync(frame => frame.To == Moving, "the frames where the station is");
            Assert.Empty(elsewhere.Frames);
        }
        Assert.DoesNotContain((await vhostSwitch.StatusAsync()).Drops(), drop => drop.Contains("down"));
    }
}
