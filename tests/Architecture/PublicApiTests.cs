using System.Reflection;

namespace VhostSwitch.Architecture;

/// <summary>What the packages show to programs is held in a text file, so that a change of it is seen and reviewed.</summary>
public sealed class PublicApiTests
{
    public static TheoryData<string> Packages => ["VhostSwitch.Linux", "VhostSwitch.Virtio", "VhostSwitch.Packets", "VhostSwitch.Dataplane", "VhostSwitch.Vhost"];

    [Theory]
    [MemberData(nameof(Packages))]
    public void IsWhatItsTextSays(string package)
    {
        string file = Path.Combine(Repository.Root, "docs", "api", package + ".txt");
        string now = PublicApiText.Of(Assembly.Load(package));
        if (Environment.GetEnvironmentVariable("VHOSTSWITCH_WRITE_API") == "1") File.WriteAllText(file, now);
        string[] said = File.ReadAllLines(file), there = now.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var differences = said.Except(there).Select(l => $"- {l}").Concat(there.Except(said).Select(l => $"+ {l}")).ToList();
        Assert.True(differences.Count == 0, $"{Repository.Name(file)} differs; VHOSTSWITCH_WRITE_API=1 writes it anew:\n{string.Join('\n', differences)}");
        Assert.Equal(said, there);
    }

    [Fact]
    public void EveryPackageIsHeldToItsText()
    {
        var packed = Directory.EnumerateFiles(Repository.Source, "*.csproj", SearchOption.AllDirectories)
            .Where(p => File.ReadAllText(p).Contains("<IsPackable>true</IsPackable>", StringComparison.Ordinal))
            .Select(p => Path.GetFileNameWithoutExtension(p)!);
        Assert.Equal(packed.Order(), Packages.Select(p => p.Data).Order());
    }
}
