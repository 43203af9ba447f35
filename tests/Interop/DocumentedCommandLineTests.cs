using System.Text.RegularExpressions;
using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>The command lines of the documents, as they are written there.</summary>
public sealed class DocumentedCommandLineTests : InteropTest
{
    /// <summary>More cores than most machines have, more memory than is free in huge pages: it starts all the same, and its uplink is a tap.</summary>
    [Fact]
    public async Task TheSampleApplicationsCommandLineServesItsSocket()
    {
        SwitchProcess vhostSwitch = await StartDocumentedAsync();
        await vhostSwitch.WaitForLineAsync(new Regex("^net_tap0: up: dtap0, "), Limits.Step);
        await vhostSwitch.StopAsync();
    }

    /// <summary>One socket, named by the base name, takes every guest that connects.</summary>
    [Fact]
    public async Task TwoFrontEndsOnTheOneSocketExchangeFrames()
    {
        const string macA = "00:01:02:03:04:05";
        const string macB = "00:01:02:03:04:06";
        SwitchProcess vhostSwitch = await StartDocumentedAsync();
        string socket = Folder.File("usvhost");
        Testpmd guest = await StartTestpmdAsync(new()
        {
            Ports = [new VirtioUserPort(socket, macA), new VirtioUserPort(socket, macB)],
            Peers = [macB, macA],
        });
        // What the first of them sends before the other has an address goes to the uplink.
        await guest.StartForwardingAsync(txFirst: true);
        foreach (string mac in (string[])[macA, macB])
            await vhostSwitch.WaitForLineAsync(new Regex($"MAC_ADDRESS {mac} and VLAN_TAG 100[01] registered"), Limits.Step);
        await guest.StopForwardingAsync();
        await guest.StartForwardingAsync(txFirst: true);
        await Until.TrueAsync(
            async () => (await guest.ShowCountersAsync()).All(port => port.ReceivedFrames > 10_000), Limits.Step, "both ports receive");
        await guest.StopForwardingAsync();
        await guest.QuitAsync();
        await vhostSwitch.StopAsync(ChildSignal.Terminate);
    }

    private async Task<SwitchProcess> StartDocumentedAsync()
    {
        const string commandLine = "-c f -n 4 --socket-mem 1024 --huge-dir /mnt/huge -- -p 0x1 --dev-basename usvhost";
        return await StartSwitchCommandAsync(await MakeNamespaceAsync(), commandLine.Split(' '), Folder.File("usvhost"));
    }
}
