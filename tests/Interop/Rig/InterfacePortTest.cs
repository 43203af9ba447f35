using Xunit;

namespace VhostSwitch.Interop.Rig;

/// <summary>A test of ports that are interfaces: what it does with the stations behind them.</summary>
public abstract class InterfacePortTest : InteropTest
{
    private const int FileBytes = 32 << 20;
    private const int CannotStart = 1;

    /// <summary>A frame to everybody that no protocol knows.</summary>
    private protected static byte[] Broadcast()
    {
        byte[] frame = new byte[64];
        Convert.FromHexString("ffffffffffff02000000000888b5").CopyTo(frame, 0);
        return frame;
    }

    /// <summary>Tells two stations for good where the other is, so that nothing but what the test sends is counted.</summary>
    private protected static async Task SetNeighboursAsync(Station a, Station b)
    {
        await a.Namespace.IpHereAsync($"neigh replace {b.Address} lladdr {await b.MacAsync()} dev {a.Interface} nud permanent");
        await b.Namespace.IpHereAsync($"neigh replace {a.Address} lladdr {await a.MacAsync()} dev {b.Interface} nud permanent");
    }

    /// <summary>Moves a file over TCP and compares what arrives.</summary>
    private protected async Task TransferAsync(Station from, Station to, int bytes = FileBytes)
    {
        (ChildProcess server, string hash) = await from.ServeAsync(Folder, bytes);
        await using (server)
            Assert.Equal(hash, await to.FetchAsync(from.Address, bytes));
    }

    /// <summary>Starts the switch with one device and expects it to end with a sentence.</summary>
    private protected async Task ExpectAsync(NetworkNamespace place, string sentence, bool asNobody, string device)
    {
        string[] command = Command(asNobody);
        await using ChildProcess process =
            place.Start("vhost-switch", command[0], [.. command[1..], "--vdev", device, "--", "--ctl-socket", Folder.File("ctl")], Folder.Path);
        int exitCode = await process.WaitForExitAsync(Limits.Step);
        Assert.Contains(sentence, process.Transcript.ToString(), StringComparison.Ordinal);
        Assert.Equal(CannotStart, exitCode);
    }

    /// <summary>The program, as a user with no rights runs it or as the test does. The user may write in the test's folder.</summary>
    private protected string[] Command(bool asNobody)
    {
        string program = Path.GetFullPath(Repository.SwitchProgram);
        File.SetUnixFileMode(Folder.Path, (UnixFileMode)0b111_111_111);
        return asNobody ? ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program] : [program];
    }
}
