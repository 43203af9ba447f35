using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>The library as its users get it: packages, from which the sample is built, which a DPDK driver talks to.</summary>
public sealed class LibraryPackageTests : InteropTest
{
    private const string Version = "9.9.9-test";
    private const string MacA = "52:54:00:00:00:0a";
    private const string MacB = "52:54:00:00:00:0b";
    private const int Enough = 100_000;

    private static readonly string[] Packages = ["Linux", "Virtio", "Packets", "Dataplane", "Vhost"];

    [Fact]
    public async Task TheSampleBuiltFromThePackagesEchoesFrames()
    {
        string feed = Folder.File("feed"), output = Folder.File("out");
        foreach (string package in Packages)
            await DotnetAsync("pack", $"src/VhostSwitch.{package}", "-c", "Release", "-o", feed, $"-p:Version={Version}", $"-p:ArtifactsPath={output}/packing");
        Assert.Equal(Packages.Select(p => $"VhostSwitch.{p}.{Version}.nupkg").Order(), Directory.EnumerateFiles(feed).Select(f => Path.GetFileName(f)).Order());

        // The feed alone, and a cache of its own: nothing of this tree is found by another way.
        await DotnetAsync("build", "samples/echo", "-c", "Release", $"-p:VhostSwitchPackages={Version}", $"-p:RestoreSources={feed}",
            $"-p:RestorePackagesPath={Folder.File("packages")}", $"-p:ArtifactsPath={output}/sample");
        foreach (string package in Packages)
            Assert.NotEmpty(Directory.EnumerateFiles(Folder.File("packages"), $"VhostSwitch.{package}.xml", SearchOption.AllDirectories));

        string socket = Folder.File("echo");
        ChildProcess echo = Own(ChildProcess.Start("echo", Path.Combine(output, "sample", "bin", "echo", "release", "echo"), [socket], Folder.Path), p => [p.Transcript]);
        await Until.TrueAsync(
            () =>
            {
                echo.ThrowIfEnded();
                return File.Exists(socket);
            },
            Limits.Step,
            "the sample serves its socket",
            echo.Transcript.ToString);

        await EchoesAsync(new(socket, MacA) { Packed = false });
        await EchoesAsync(new(socket, MacA) { Packed = true });
        await echo.WaitForLineAsync(new System.Text.RegularExpressions.Regex("vhost1 is gone"), Limits.Step);
    }

    // What port A sends comes back to A, goes on to B's ring, comes back to B, and so on round.
    private async Task EchoesAsync(VirtioUserPort port)
    {
        Testpmd guest = await StartTestpmdAsync(new() { Ports = [port, port with { Mac = MacB }], Peers = [MacA, MacB] });
        await guest.StartForwardingAsync(txFirst: true);
        IReadOnlyList<TestpmdCounters> counters = [];
        await Until.TrueAsync(
            async () => (counters = await guest.ShowCountersAsync()).All(p => p.ReceivedFrames > Enough),
            Limits.Step,
            $"both ports receive {Enough} of their own frames",
            () => string.Join('\n', counters));
        await guest.QuitAsync();
    }

    private static Task<string> DotnetAsync(string command, string project, params string[] arguments) =>
        ChildProcess.RunAsync($"dotnet {command} {project}", "dotnet", [command, Path.Combine(Repository.Root, project), "-nologo", "-v", "quiet", .. arguments], Limits.ImageBuild);
}
