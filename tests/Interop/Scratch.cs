using System.Diagnostics;
using VhostSwitch.Interop.Rig;
using Xunit;
namespace VhostSwitch.Interop;
public sealed class Scratch : InteropTest
{
    [Theory]
    [InlineData("ovs", "")]
    [InlineData("ours-off", GuestNic.OffloadsOff)]
    [InlineData("ours-on", "")]
    public async Task Time(string who, string props)
    {
        string[] s;
        if (who == "ovs") { OpenVswitch o = await StartOpenVswitchAsync(); s = [await o.AddServerPortAsync("v0"), await o.AddServerPortAsync("v1")]; }
        else { s = [Folder.File("a"), Folder.File("b")]; await StartSwitchAsync(new() { Sockets = s, Mergeable = true, TxChecksum = true, Tso = true }); }
        var w = Stopwatch.StartNew();
        QemuGuest[] g = new QemuGuest[2];
        for (int i = 0; i < 2; i++) g[i] = await StartGuestAsync(new() { Name = $"g{i}", Nics = [new GuestNic(s[i], $"52:54:00:00:00:0{i}") { Properties = props }] });
        for (int i = 0; i < 2; i++) { await g[i].WaitForBootAsync(); await g[i].SetAddressAsync($"10.0.0.{i + 1}/24"); }
        Console.WriteLine($"{who} both booted {w.Elapsed.TotalSeconds:F1}");
        await g[0].WaitForPingAsync("10.0.0.2");
        Console.WriteLine(await g[0].CheckAsync("ping -i 0.1 -c 30 10.0.0.2 | tail -1"));
        var r = await GuestTransfer.SendAsync(g[0], "10.0.0.1", g[1], 1000);
        await g[0].CheckAsync("head -c 50000000 /dev/urandom >/tmp/www/file");
        w.Restart();
        await g[1].CheckAsync("wget -q -O /dev/null http://10.0.0.1/file");
        Console.WriteLine($"{who} 50 MB: {50 / w.Elapsed.TotalSeconds:F1} MB/s");
        w.Restart();
        await g[1].RebootAsync();
        Console.WriteLine($"{who} reboot {w.Elapsed.TotalSeconds:F1}");
    }
}
