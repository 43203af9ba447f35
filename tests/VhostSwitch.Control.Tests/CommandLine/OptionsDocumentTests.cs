using System.Text.RegularExpressions;
using VhostSwitch.Control.CommandLine;

namespace VhostSwitch.Control.Tests.CommandLine;

/// <summary>docs/options.md is what the program does.</summary>
public class OptionsDocumentTests
{
    private static readonly string Text = File.ReadAllText(Path.Combine(Root(), "docs", "options.md"));

    public static TheoryData<string, string> Refusals =>
        [.. Regex.Matches(Text[Text.IndexOf("## What is refused", StringComparison.Ordinal)..], @"^\| `(?<given>[^`]+)` \| (?<sentence>.+) \|$", RegexOptions.Multiline)
            .Select(row => (row.Groups["given"].Value, row.Groups["sentence"].Value))];

    [Fact]
    public void EveryOptionHasItsRow()
    {
        var named = Regex.Matches(Text, "`(?<name>--?[a-zA-Z0-9-]+)[^`]*`").Select(name => name.Groups["name"].Value).ToHashSet();
        Assert.Empty(new EalOptions().Names.Concat(new ApplicationOptions().Names).Except(named));
        Assert.Empty(named.Except(new EalOptions().Names).Except(new ApplicationOptions().Names).Except(["--help", "--"]));
    }

    [Theory]
    [MemberData(nameof(Refusals))]
    public void WhatIsRefusedIsRefusedWithItsSentence(string given, string sentence) => Assert.Equal(sentence, Line.Error(given));

    [Fact]
    public void NoRefusalIsMissing()
    {
        // One for each option that is refused whatever its value; those with aliases in meaning share a row.
        var rows = Refusals.Select(row => row.Data.Item1.Split(' ')[0]).ToHashSet();
        string[] alike = ["-S", "--trace-dir", "--trace-bufsz", "--trace-mode"];
        Assert.Empty(new EalOptions().NamesNotBuilt.Except(rows).Except(alike));
    }

    [Fact]
    public void ItsLinksLeadSomewhere()
    {
        foreach (Match link in Regex.Matches(Text, @"\]\((?<path>[^)]+)\)"))
            Assert.True(File.Exists(Path.Combine(Root(), "docs", link.Groups["path"].Value)), link.Value);
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "VhostSwitch.slnx")))
            folder = folder.Parent;
        return folder.FullName;
    }
}
