using System.Xml.Linq;

namespace VhostSwitch.Architecture;

/// <summary>Dependencies point upwards in the list of ARCHITECTURE.md and nowhere else.</summary>
public sealed class DependencyTests
{
    // A project may know those before it. Programs come last and may know all libraries.
    private static readonly string[] Order =
    [
        "VhostSwitch.Linux", "VhostSwitch.Virtio", "VhostSwitch.Packets", "VhostSwitch.Dataplane", "VhostSwitch.Vhost", "VhostSwitch.VirtioUser",
        "VhostSwitch.Ports", "VhostSwitch.Switching", "VhostSwitch.Control", "VhostSwitch.Testpmd", "VhostSwitch.TestKit",
    ];

    [Fact]
    public void ProjectsKnowOnlyThoseAboveThem()
    {
        var wrong = new List<string>();
        foreach (string project in Directory.EnumerateFiles(Repository.Source, "*.csproj", SearchOption.AllDirectories))
        {
            string name = Path.GetFileNameWithoutExtension(project);
            int place = Array.IndexOf(Order, name);
            if (place < 0 && name.StartsWith("VhostSwitch.", StringComparison.Ordinal)) wrong.Add($"{name} has no place in the list");
            foreach (string reference in References(project))
            {
                int above = Array.IndexOf(Order, reference);
                if (above < 0 || (place >= 0 && above >= place)) wrong.Add($"{name} refers to {reference}");
            }
        }
        Assert.Empty(wrong);
    }

    [Fact]
    public void VirtioAndPacketsKnowNothingAndTheDataPlaneNoVirtio()
    {
        Assert.Empty(References(Project("VhostSwitch.Virtio")));
        Assert.Empty(References(Project("VhostSwitch.Packets")));
        Assert.DoesNotContain("VhostSwitch.Virtio", References(Project("VhostSwitch.Dataplane")));
    }

    [Fact]
    public void ProgramsDoNotShipTheTestKit()
    {
        var programs = Directory.EnumerateFiles(Repository.Source, "*.csproj", SearchOption.AllDirectories)
            .Where(p => !Path.GetFileName(p).StartsWith("VhostSwitch.", StringComparison.Ordinal));
        Assert.DoesNotContain(programs, p => References(p).Contains("VhostSwitch.TestKit"));
    }

    private static string Project(string name) => Path.Combine(Repository.Source, name, name + ".csproj");

    private static List<string> References(string project) =>
        [.. XDocument.Load(project).Descendants("ProjectReference").Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value.Replace('\\', '/')))];
}
