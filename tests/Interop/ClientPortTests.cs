using System.Text.RegularExpressions;
using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>The front-end serves the socket and the switch connects: either side may come late, be killed, and come again.</summary>
public sealed class ClientPortTests : InteropTest
{
    private const string MacA = "52:54:00:00:00:0a";
    private const string MacB = "52:54:00:00:00:0b";

    /// <summary>DPDK's driver serves two sockets: one of --client, one of net_vhost.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TestpmdAndTheSwitchAreKilledInTurn(bool packed)
    {
        string[] sockets = [Folder.File("a"), Folder.File("b")];
        SwitchOptions options = new()
        {
            Sockets = [],
            Mergeable = true,
            Devices = [$"net_vhost0,iface={sockets[0]},client=1"],
            MoreOptions = ["--client", "--socket-file", sockets[1]],
        };
        TestpmdOptions guestOptions = new()
        {
            Ports = [new VirtioUserPort(sockets[0], MacA) { Server = true, Packed = packed }, new VirtioUserPort(sockets[1], MacB) { Server = true, Packed = packed }],
            Peers = [MacB, MacA],
        };
        SwitchProcess vhostSwitch = await StartSwitchAsync(options);
        foreach (string socket in sockets)
            await WaitForPortAsync(socket, $"waiting for a front-end: there is no {socket} yet");

        for (int guestNumber = 0; guestNumber < 2; guestNumber++)
        {
            // DPDK takes no path where anything is.
            Array.ForEach(sockets, File.Delete);
            Testpmd guest = await StartTestpmdAsync(guestOptions);
            await AssertFlowsAsync(guest);
            if (guestNumber == 1)
            {
                await vhostSwitch.KillAsync();
                vhostSwitch = await StartSwitchAgainAsync(options);
                // What was on its way may be lost, and with it all that the guest would have sent again.
                await guest.StopForwardingAsync();
                await AssertFlowsAsync(guest);
                await guest.StopForwardingAsync();
                await guest.QuitAsync();
                break;
            }
            await guest.KillAsync();
            foreach (string socket in sockets)
                await WaitForPortAsync(socket, $"waiting for a front-end: nobody listens at {socket}");
            // However often it was tried.
            Assert.Equal(2, vhostSwitch.Transcript.Lines().Count(line => line.Contains("there is no ", StringComparison.Ordinal)));
            Assert.Equal(2, vhostSwitch.Transcript.Lines().Count(line => line.Contains("nobody listens", StringComparison.Ordinal)));
        }
        await vhostSwitch.StopAsync();

        Task WaitForPortAsync(string socket, string status) =>
            vhostSwitch.WaitForStatusAsync(now => now.PortAt(socket).Status == status, status);

        async Task AssertFlowsAsync(Testpmd guest)
        {
            await vhostSwitch.WaitForStatusAsync(now => sockets.All(socket => now.PortAt(socket).IsUp), "both ports up");
            await guest.StartForwardingAsync(txFirst: true);
            long[] before = [.. (await guest.ShowCountersAsync()).Select(port => port.ReceivedFrames)];
            await Until.TrueAsync(
                async () => (await guest.ShowCountersAsync()).Zip(before).All(port => port.First.ReceivedFrames > port.Second + 1000), Limits.Step, "frames flow");
        }
    }
}
